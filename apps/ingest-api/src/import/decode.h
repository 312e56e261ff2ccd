/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/decode.h
 * Character sets of sheets. UTF-8 is read in place; for others a window is decoded at a time, so that a body of
 * any length costs a few MiB. Not thread safe.
 */
#ifndef INGEST_IMPORT_DECODE_H
#define INGEST_IMPORT_DECODE_H

#include "import/csv.h"

enum charset { CHARSET_UTF8, CHARSET_UTF16LE, CHARSET_UTF16BE, CHARSET_WINDOWS_1252, CHARSET_ISO_8859_15, CHARSETS };
/** Its IANA name in lower case. */
extern const char *const charset_names[CHARSETS];

/** A body is read from beginning to end up to three times: for its character set, to check it, and to import it. */
struct import_progress {
    /** NULL, or: this pass does not read anything before `up_to` again, so its memory may be given back. */
    void (*passed)(void *arg, const char *up_to);
    void *arg;
};

/** Whether this name (any case, "" for none) is one that charset_of() knows. */
bool charset_is_known(const char *name);
/**
 * The character set of the text: from a byte order mark, else the declared name, else the text. It is Windows-1252 if
 * there are more invalid UTF-8 bytes than valid non-ASCII characters: one damaged byte does not turn a UTF-8 file into a Windows one.
 * ISO-8859-1 and US-ASCII are read as Windows-1252 and UTF-8, which contain them. O(length)
 * @param declared a known name, or "".
 * @param progress NULL, or told how far it has read.
 */
enum charset charset_of(const char *declared, const char *text, size_t length, const struct import_progress *progress);

/** Zero is one of UTF-8. */
struct decoder {
    enum charset charset;
    const char *from, *end; /**< the part that is not decoded yet */
    char *window;
    size_t size;
};

/** Let `csv` read the text, without byte order marks, through the decoder. @return false without memory. */
bool decoder_open(struct decoder *decoder, enum charset charset, const char *text, size_t length, struct csv *csv);
void decoder_close(struct decoder *decoder);

#endif
