/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/confine.h
 * Gives up rights of this process permanently, as soon as it knows its settings, so that an attacker who controls
 * it later can do less harm.
 *
 * - Landlock: the process can write, create and remove files only below the given folders, and execute nothing.
 *   Reading is not restricted.
 * - seccomp: refuses system calls that no server needs (exec, ptrace, mount, namespaces, modules, keys, other users,
 *   io_uring …), and sockets other than internet and local ones. It is a list of refused calls and not of allowed ones,
 *   because a new libc or library may use calls that we do not know.
 * A refused call fails with EPERM or EACCES; nothing is killed. If the kernel supports only one of
 * the two, that one is used.
 */
#ifndef INGEST_BASE_CONFINE_H
#define INGEST_BASE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

struct confined {
    int landlock; /**< the kernel's Landlock version; 0: not supported */
    bool seccomp;
};

/**
 * Applies to the calling thread and those that it starts, so call it before there is any other. Does nothing under a
 * sanitizer or valgrind, which need more rights.
 * @param folders folders that may be written to; missing ones are skipped
 * @return 0 with *out, or -1 with errno if the kernel supports it but it cannot be set up.
 */
int confine(const char *const *folders, size_t count, struct confined *out);

#endif
