/* SPDX-License-Identifier: Apache-2.0 */
/** @file promc/export.h Symbol visibility and the few compiler attributes promc uses. */
#ifndef PROMC_EXPORT_H
#define PROMC_EXPORT_H

#if defined(__GNUC__)
/*
 * PROMC_STATIC: promc is inside a module that does not export it, e.g. a plugin, so that two plugins with promc do not share symbols.
 * Meson's -Ddefault_library=static builds the archives in this way and records it in promc.pc. If you compile promc's sources into a program,
 * define it for them and for your code. (Archives built beside shared libraries need the linker's -Wl,--exclude-libs,ALL instead.)
 */
#ifdef PROMC_STATIC
#define PROMC_API __attribute__((visibility("hidden")))
#else
#define PROMC_API __attribute__((visibility("default")))
#endif
/*
 * How threads access promc_tls. initial-exec costs one load; its 128 bytes come from the space that the C library reserves for modules that
 * are loaded later (glibc: 1,664 bytes, tunable rtld.optional_static_tls). musl reserves nothing, so there we use the compiler's default model,
 * with which a plugin can always be loaded: one call per update, and a thread's first update allocates memory, so it must not be in
 * a signal handler. Meson's -Dtls_model overrides this and is recorded in promc.pc; without pkg-config, define PROMC_TLS_INITIAL_EXEC or
 * PROMC_TLS_GLOBAL_DYNAMIC.
 */
#include <stdlib.h> /* defines __GLIBC__ */
#if defined(PROMC_TLS_GLOBAL_DYNAMIC)
#define PROMC_TLS_MODEL __attribute__((tls_model("global-dynamic")))
#elif defined(PROMC_TLS_INITIAL_EXEC) || defined(__GLIBC__)
#define PROMC_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define PROMC_TLS_MODEL
#endif
#define PROMC_LIKELY(x) __builtin_expect(!!(x), 1)
#define PROMC_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#error "promc needs gcc or clang"
#endif

#endif
