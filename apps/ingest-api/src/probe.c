/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"
#include "base/libcurl.h"
#include "base/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_TIMEOUT_MS 4000L
#define NAMES_TIMEOUT_MS 10000L /* longer, because the server may have to ask others */

/* If the server listens on every address, use the loopback address. */
static const char *reachable(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : strcmp(host, "::") == 0 ? "::1" : host;
}

/* @return false: the URL is too long. */
static bool own_url(const struct settings *settings, const char *path, bool names, char url[PROBE_URL])
{
    const char *scheme = settings->tls_cert[0] ? "https" : "http", *host = settings->host;
    char metrics_host[64];
    unsigned port = settings->port;
    if (names && settings->metrics_listen[0]) {
        port = settings_metrics_address(settings, metrics_host);
        host = metrics_host;
    }
    host = reachable(host);
    const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
    return snprintf(url, PROBE_URL, "%s://%s%s%s:%u%s", scheme, open, host, close, port, path) < PROBE_URL;
}

static size_t take(char *data, size_t size, size_t count, void *body)
{
    text_add_n(body, data, size * count);
    return size * count;
}

static void set_options(CURL *curl, const char *url, struct text *body, char *error)
{
    (void)libcurl.easy_setopt(curl, CURLOPT_URL, url);
    (void)libcurl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)libcurl.easy_setopt(curl, CURLOPT_PROXY, "");
    (void)libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)libcurl.easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    (void)libcurl.easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)libcurl.easy_setopt(curl, CURLOPT_WRITEDATA, body);
    /* not verified: the certificate has another name, and we send the server nothing but its own token */
    (void)libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

int probe_ask(const struct settings *settings, const char *path, bool names, char url[PROBE_URL], struct text *body,
              char error[PROBE_ERROR])
{
    char line[sizeof(settings->metrics_token) + 32];
    struct curl_slist *head = NULL;
    long status = -1;
    CURL *curl = libcurl.easy_init();
    error[0] = '\0';
    if (!curl || !own_url(settings, path, names, url)) {
        (void)snprintf(error, PROBE_ERROR, "out of memory");
        libcurl.easy_cleanup(curl);
        return -1;
    }
    set_options(curl, url, body, error);
    (void)libcurl.easy_setopt(curl, CURLOPT_TIMEOUT_MS, names ? NAMES_TIMEOUT_MS : PROBE_TIMEOUT_MS);
    if (names && settings->metrics_token[0]) {
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", settings->metrics_token);
        head = libcurl.slist_append(NULL, line);
        (void)libcurl.easy_setopt(curl, CURLOPT_HTTPHEADER, head);
    }
    CURLcode rc = libcurl.easy_perform(curl);
    if (rc == CURLE_OK)
        (void)libcurl.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    else if (!*error)
        (void)snprintf(error, PROBE_ERROR, "%s", libcurl.easy_strerror(rc));
    libcurl.easy_cleanup(curl);
    libcurl.slist_free_all(head);
    explicit_bzero(line, sizeof(line));
    return (int)status;
}

int command_health(const struct settings *settings, const char *what)
{
    char url[PROBE_URL], error[PROBE_ERROR], path[32];
    struct text body;
    if (libcurl_open() < 0)
        return 1;
    text_init_growing(&body, 1024);
    (void)snprintf(path, sizeof(path), "/health/%s", what);
    int status = probe_ask(settings, path, false, url, &body, error);
    libcurl_close();
    char *answer = text_take(&body);
    if (status < 0)
        fprintf(stderr, "ingest-api: %s: %s\n", url, error);
    else if (answer)
        (void)puts(answer);
    free(answer);
    return status == 200 ? 0 : 1;
}
