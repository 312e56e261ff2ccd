/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/decode.h
 * The character sets of sheets. UTF-8 is read in place. Others are decoded through a window, so that a body of any
 * length costs a few MiB of memory. Not thread safe.
 */
#ifndef INGEST_IMPORT_DECODE_H
#define INGEST_IMPORT_DECODE_H

#include "import/csv.h"

enum charset { CHARSET_UTF8, CHARSET_UTF16LE, CHARSET_UTF16BE, CHARSET_WINDOWS_1252, CHARSET_ISO_8859_15, CHARSETS };
/** Its IANA name in lower case. */
extern const char *const charset_names[CHARSETS];

/** A body is read from beginning to end up to three times: for its character set, to check it, and to import it. */
struct import_progress {
    /** NULL, or called when this pass will not read the text before `up_to` again, so that its memory may be freed. */
    void (*passed)(void *arg, const char *up_to);
    void *arg;
};

/** Whether this name (any case, "" for none) is one that charset_of() knows. */
bool charset_is_known(const char *name);
/**
 * The character set of the text: by its byte order mark, else by the declared name, else by its bytes. By its bytes it
 * is Windows-1252 if it has more invalid UTF-8 bytes than valid non-ASCII characters: one damaged byte does not make a
 * UTF-8 file a Windows one. ISO-8859-1 and US-ASCII are read as Windows-1252 and UTF-8, which contain them. O(length)
 * @param declared a known name, or "".
 * @param progress NULL, or called as reading proceeds.
 */
enum charset charset_of(const char *declared, const char *text, size_t length, const struct import_progress *progress);

/** All zero: a decoder of UTF-8. */
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
