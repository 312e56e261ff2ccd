/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"
#include "base/libcurl.h"
#include "base/settings.h"

#include <stdio.h>
#include <string.h>

#define PROBE_TIMEOUT_MS 4000L

/* The listener's own address; of "every address" the loopback is one. */
static int own_url(const struct settings *settings, const char *what, char *url, size_t size)
{
    const char *host = settings->host;
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
    return snprintf(url, size, "%s://%s%s%s:%u/health/%s", settings->tls_cert[0] ? "https" : "http", open, host, close,
                    (unsigned)settings->port, what);
}

static CURLcode ask(CURL *curl, const char *url, char *error, long *status)
{
    (void)libcurl.easy_setopt(curl, CURLOPT_URL, url);
    (void)libcurl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)libcurl.easy_setopt(curl, CURLOPT_PROXY, "");
    (void)libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)libcurl.easy_setopt(curl, CURLOPT_TIMEOUT_MS, PROBE_TIMEOUT_MS);
    (void)libcurl.easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    /* Its certificate is for the name that clients use, and nothing is told to it but the question. */
    (void)libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    CURLcode rc = libcurl.easy_perform(curl); /* the answer's body goes to standard output */
    (void)libcurl.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return rc;
}

int command_health(const struct settings *settings, const char *what)
{
    char url[sizeof(settings->host) + 64], error[CURL_ERROR_SIZE] = "";
    long status = 0;
    if (libcurl_open() < 0)
        return 1;
    CURL *curl = libcurl.easy_init();
    if (!curl || own_url(settings, what, url, sizeof(url)) >= (int)sizeof(url)) {
        fprintf(stderr, "ingest-api: out of memory\n");
        libcurl.easy_cleanup(curl);
        return 1;
    }
    CURLcode rc = ask(curl, url, error, &status);
    libcurl.easy_cleanup(curl);
    libcurl_close();
    if (rc != CURLE_OK)
        fprintf(stderr, "ingest-api: %s: %s\n", url, *error ? error : libcurl.easy_strerror(rc));
    else
        (void)putchar('\n');
    return rc == CURLE_OK && status == 200 ? 0 : 1;
}
