/* SPDX-License-Identifier: Apache-2.0 */
#include "base/libcurl.h"

#include "base/log.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* libcurl's ABI version since 2006. */
#define LIBRARY "libcurl.so.4"

struct libcurl libcurl;

/*
 * The linker does not know a library that is loaded at run time. This note tells packaging tools about it (UAPI group,
 * "ELF Metadata: dlopen"): dpkg and rpm turn it into a dependency.
 */
#define NOTE                                                                                          \
    "[{\"soname\":[\"" LIBRARY "\"],\"feature\":\"send\",\"description\":\"SMTP and error reports\"," \
    "\"priority\":\"recommended\"}]"
static const struct {
    Elf32_Nhdr header;
    char owner[4];
    _Alignas(4) char text[sizeof(NOTE)];
} note __attribute__((used, aligned(4), section(".note.dlopen"))) = {
    .header = {.n_namesz = 4, .n_descsz = sizeof(NOTE), .n_type = 0x407c0c0a},
    .owner = "FDO",
    .text = NOTE,
};

static int fail(const char *reason)
{
    log_error("libcurl cannot be used", "s:component", "libcurl", "s:library", LIBRARY, "s:error", reason);
    return -1;
}

#define SYMBOL(result, name, parameters) {"curl_" #name, offsetof(struct libcurl, name)},
static const struct {
    const char *name;
    size_t offset;
} symbols[] = {LIBCURL_FUNCTIONS(SYMBOL)};

/* The library is never unloaded, because its dependencies may have handlers that run at exit. */
static int load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        return fail(dlerror());
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *function = dlsym(library, symbols[i].name);
        if (!function)
            return fail(dlerror());
        memcpy((char *)&libcurl + symbols[i].offset, &function, sizeof(function));
    }
    return 0;
}

int libcurl_open(void)
{
    static bool loaded;

    loaded = loaded || load() == 0;
    if (!loaded)
        return -1;
    CURLcode rc = libcurl.global_init(CURL_GLOBAL_DEFAULT);
    return rc == CURLE_OK ? 0 : fail(libcurl.easy_strerror(rc));
}

void libcurl_close(void)
{
    libcurl.global_cleanup();
}
