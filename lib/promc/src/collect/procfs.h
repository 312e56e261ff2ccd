/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file procfs.h
 * Reading and parsing the kernel's small text files. No allocation, no locale, no stdio. Thread safe.
 */
#ifndef PROMC_COLLECT_PROCFS_H
#define PROMC_COLLECT_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Read a small file completely into buffer and NUL-terminate it. The rest of a larger file is cut off.
 * @return its length, or PROMC_E_IO with errno set.
 */
long promc_read_file(const char *path, char *buffer, size_t capacity);

/** Parse an unsigned decimal at *text, skipping leading spaces, and advance *text. @return false if there is none, or it overflows. */
bool promc_parse_u64(const char **text, uint64_t *out);

/** The number after `key` at the start of a line (`btime 1700000000`). @return false if there is no such line. */
bool promc_find_u64(const char *text, const char *key, uint64_t *out);

/** The content of /proc/PID/stat; see proc(5). Times in clock ticks. */
typedef struct promc_proc_stat {
    uint64_t minor_faults, major_faults;
    uint64_t user_ticks, system_ticks;
    uint64_t threads;
    uint64_t start_ticks; /**< since boot */
    uint64_t virtual_bytes;
    uint64_t resident_pages;
} promc_proc_stat;

/**
 * Parse the line of /proc/PID/stat. The command name is in brackets and may contain anything, including brackets, spaces and
 * newlines, so the fields are counted from the *last* bracket.
 * @return false if the text is not such a line.
 */
bool promc_parse_proc_stat(const char *text, promc_proc_stat *out);

#endif
