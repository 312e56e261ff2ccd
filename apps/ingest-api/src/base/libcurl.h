/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/libcurl.h
 * libcurl, loaded at run time and only by code that sends: SMTP, error reports, the probe. It loads a dozen libraries
 * (HTTP/2, SSH, RTMP and so on), which together cost a process 0.7 MiB, and most servers only answer requests.
 *
 * The members are libcurl's functions, without `curl_` in their names. Call them only between
 * libcurl_open() and libcurl_close().
 */
#ifndef INGEST_BASE_LIBCURL_H
#define INGEST_BASE_LIBCURL_H

#include <curl/curl.h>

/* clang-format off */
#define LIBCURL_FUNCTIONS(f) /* result, name, parameters */ \
    f(CURLcode, global_init, (long)) \
    f(void, global_cleanup, (void)) \
    f(CURL *, easy_init, (void)) \
    f(CURLcode, easy_setopt, (CURL *, CURLoption, ...)) \
    f(CURLcode, easy_perform, (CURL *)) \
    f(CURLcode, easy_getinfo, (CURL *, CURLINFO, ...)) \
    f(const char *, easy_strerror, (CURLcode)) \
    f(void, easy_cleanup, (CURL *)) \
    f(struct curl_slist *, slist_append, (struct curl_slist *, const char *)) \
    f(void, slist_free_all, (struct curl_slist *)) \
    f(CURLU *, url, (void)) \
    f(CURLUcode, url_set, (CURLU *, CURLUPart, const char *, unsigned)) \
    f(CURLUcode, url_get, (const CURLU *, CURLUPart, char **, unsigned)) \
    f(const char *, url_strerror, (CURLUcode)) \
    f(void, url_cleanup, (CURLU *)) \
    f(void, free, (void *))
/* clang-format on */

struct libcurl {
#define LIBCURL_MEMBER(result, name, parameters) result(*name) parameters;
    LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
#undef LIBCURL_MEMBER
};
extern struct libcurl libcurl;

/**
 * Load and initialise libcurl. May be called several times, each with its own libcurl_close(). Not thread
 * safe: call it at the start.
 * @return 0, or -1 after one line in the log.
 */
int libcurl_open(void);
/** After the last use by the caller of libcurl_open(). */
void libcurl_close(void);

#endif
