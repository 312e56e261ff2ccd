/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/confine.h
 * Rights that this process gives up permanently once it knows its settings, in case an attacker controls it later.
 *
 * - Landlock: files are written, created and removed only below the given folders, and nothing is executed. Reading is not restricted.
 * - seccomp: system calls that no server needs (exec, ptrace, mount, namespaces, modules, keys, other users, io_uring …), and
 *   sockets that are neither internet nor local sockets. It is a list of refused calls, not of allowed ones: a new libc or
 *   library may use calls that we do not know.
 * A refused call fails with EPERM or EACCES; nothing is killed. If the kernel supports only one of the two, that one is used.
 */
#ifndef INGEST_BASE_CONFINE_H
#define INGEST_BASE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

struct confined {
    int landlock; /**< the kernel's version of it; 0: not supported */
    bool seccomp;
};

/**
 * For the calling thread and those that it starts: call it before there is any other. Not under a sanitizer or valgrind, which need more.
 * @param folders that may be written to; missing ones are skipped
 * @return 0 with *out, or -1 with errno if the kernel supports it but it cannot be set up.
 */
int confine(const char *const *folders, size_t count, struct confined *out);

#endif
