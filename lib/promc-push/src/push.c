/* SPDX-License-Identifier: Apache-2.0 */
#include <promc-push/push.h>

#include "url.h"

#include <promc/scrape.h>

#include <curl/curl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char last_error[640];

static int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof(last_error), format, arguments);
    va_end(arguments);
    return code;
}

const char *promc_push_error(void)
{
    return last_error;
}

/* What curl is given and gives back. */
struct exchange {
    promc_scrape *scrape; /* NULL: no body */
    int scrape_error;
    size_t answered;
    char answer[256]; /* the beginning of the gateway's words */
};

static size_t give_slice(char *buffer, size_t size, size_t count, void *user)
{
    struct exchange *exchange = user;
    long n = promc_scrape_read(exchange->scrape, buffer, size * count);
    if (n < 0) {
        exchange->scrape_error = (int)n;
        return CURL_READFUNC_ABORT;
    }
    return (size_t)n;
}

static size_t take_answer(char *data, size_t size, size_t count, void *user)
{
    struct exchange *exchange = user;
    size_t room = sizeof(exchange->answer) - 1 - exchange->answered;
    size_t length = size * count < room ? size * count : room;
    memcpy(exchange->answer + exchange->answered, data, length);
    exchange->answered += length;
    return size * count;
}

static int check(const promc_push_settings *settings)
{
    if (settings == NULL || settings->url == NULL || settings->job == NULL || settings->job[0] == '\0') {
        return fail(PROMC_E_INVALID, "url and job are required");
    }
    if (strncmp(settings->url, "http://", 7) != 0 && strncmp(settings->url, "https://", 8) != 0) {
        return fail(PROMC_E_INVALID, "url \"%s\" is neither http:// nor https://", settings->url);
    }
    for (size_t i = 0; i < settings->grouping_count; i++) {
        const promc_label *label = &settings->grouping[i];
        if (label->name == NULL || label->name[0] == '\0' || label->value == NULL || strcmp(label->name, "job") == 0) {
            return fail(PROMC_E_INVALID, "grouping label %zu needs a name other than job, and a value", i);
        }
    }
    return 0;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void set_authorization(CURL *curl, const promc_push_settings *settings)
{
    if (settings->user != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, settings->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, settings->password != NULL ? settings->password : "");
    }
    if (settings->bearer_token != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, settings->bearer_token);
    }
}

static void set_body(CURL *curl, struct exchange *exchange)
{
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_slice);
    curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 64L * 1024);
}

/* Status and text of a finished transfer as our error. */
static int verdict(CURL *curl, CURLcode result, const struct exchange *exchange, const char *url, const char *curl_text)
{
    long status = 0;
    if (exchange->scrape_error != 0) {
        return fail(exchange->scrape_error, "%s: %s", url, promc_strerror(exchange->scrape_error));
    }
    if (result != CURLE_OK) {
        int code = result == CURLE_OPERATION_TIMEDOUT ? PROMC_E_TIMEOUT
                   : result == CURLE_OUT_OF_MEMORY    ? PROMC_E_NOMEM
                                                      : PROMC_E_IO;
        return fail(code, "%s: %s", url, curl_text[0] != '\0' ? curl_text : curl_easy_strerror(result));
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) {
        int length = (int)strcspn(exchange->answer, "\r\n");
        return fail(PROMC_E_IO, "%s: status %ld: %.*s", url, status, length, exchange->answer);
    }
    return 0;
}

static int perform(CURL *curl, const char *method, const char *url, struct exchange *exchange,
                   const promc_push_settings *settings)
{
    char curl_text[CURL_ERROR_SIZE] = "";
    promc_scrape_settings format = {.format = PROMC_FORMAT_TEXT};
    char type[128];
    snprintf(type, sizeof(type), "Content-Type: %s", promc_content_type(&format));
    /* No "Expect: 100-continue": a second's wait for nothing where the gateway does not know it. */
    struct curl_slist *headers = curl_slist_append(NULL, type), *both = curl_slist_append(headers, "Expect:");
    if (headers == NULL || both == NULL) {
        curl_slist_free_all(headers);
        return fail(PROMC_E_NOMEM, "%s: no memory", url);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, curl_text);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* the program's signals are its own */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(settings->timeout_ms != 0 ? settings->timeout_ms : 10000));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    set_authorization(curl, settings);
    if (exchange->scrape != NULL) {
        set_body(curl, exchange);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode result = curl_easy_perform(curl);
    int error = verdict(curl, result, exchange, url, curl_text);
    curl_slist_free_all(headers);
    return error;
}

static int send_request(const char *method, promc_scrape *scrape, const promc_push_settings *settings)
{
    struct exchange exchange = {.scrape = scrape};
    pthread_once(&curl_once, start_curl);
    char *url = promc_push_url(settings);
    CURL *curl = curl_ready == CURLE_OK ? curl_easy_init() : NULL;
    int error = url != NULL && curl != NULL ? perform(curl, method, url, &exchange, settings)
                                            : fail(PROMC_E_NOMEM, "%s: no memory", settings->url);
    curl_easy_cleanup(curl);
    free(url);
    return error;
}

static int push(const char *method, promc_registry *registry, const promc_push_settings *settings)
{
    promc_scrape *scrape;
    int error = check(settings);
    if (error != 0) {
        return error;
    }
    error = promc_scrape_begin(registry, NULL, &scrape);
    if (error != 0) {
        return fail(error, "%s: %s", promc_strerror(error), promc_error_detail());
    }
    error = send_request(method, scrape, settings);
    promc_scrape_end(scrape);
    return error;
}

int promc_push(promc_registry *registry, const promc_push_settings *settings)
{
    return push("PUT", registry, settings);
}

int promc_push_add(promc_registry *registry, const promc_push_settings *settings)
{
    return push("POST", registry, settings);
}

int promc_push_delete(const promc_push_settings *settings)
{
    int error = check(settings);
    return error != 0 ? error : send_request("DELETE", NULL, settings);
}
