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

/* Remove a secret from an error text. Every error text goes through this before it is stored. */
static void hide(char *text, const char *secret)
{
    size_t length = secret ? strlen(secret) : 0;
    for (char *at = text; length > 0 && (at = strstr(at, secret));) {
        size_t mark = length < 3 ? length : 3;
        memmove(at + mark, at + length, strlen(at + length) + 1);
        memset(at, '*', mark);
        at += mark;
    }
}

/* `user:password@` of a URL: its start, and its length with the @; 0: none. */
static size_t find_userinfo(const char *url, const char **start)
{
    const char *host = strstr(url, "://");
    *start = host ? host + 3 : url;
    size_t length = 0;
    for (size_t i = 0; (*start)[i] != '\0'; i++)
        length = (*start)[i] == '@' ? i + 1 : length; /* the last @: a password may contain / and @ */
    return length;
}

static void hide_secrets(char *text, const promc_push_settings *settings)
{
    char *secret;
    const char *start;
    size_t length = settings->url ? find_userinfo(settings->url, &start) : 0;
    if (length > 0 && (secret = strndup(start, length - 1))) {
        char *password = strchr(secret, ':');
        hide(text, secret);
        hide(text, password ? password + 1 : NULL);
        free(secret);
    }
    hide(text, settings->bearer_token);
    hide(text, settings->password);
}

static int fail(int code, const promc_push_settings *settings, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int fail(int code, const promc_push_settings *settings, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    hide_secrets(text, settings);
    return promc_error_set(code, "%s", text);
}

const char *promc_push_error(void)
{
    return promc_error_detail();
}

/* State of a curl transfer. */
struct exchange {
    promc_scrape *scrape; /* NULL: no body */
    int scrape_error;
    size_t answered;
    char answer[256]; /* the beginning of the gateway's response */
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

/* A value that is not UTF-8 would make the gateway's /metrics unreadable until the group is deleted. */
static int check_value(const promc_push_settings *settings, const char *name, const char *value)
{
    if (!promc_push_is_utf8(value))
        return fail(PROMC_E_LABEL_VALUE, settings, "the value of label \"%s\" is not UTF-8", name);
    return 0;
}

static int check_grouping(const promc_push_settings *settings, size_t i)
{
    const promc_label *label = &settings->grouping[i];
    if (!label->name || !label->value || strcmp(label->name, "job") == 0)
        return fail(PROMC_E_INVALID, settings, "grouping label %zu needs a name other than job, and a value", i);
    if (!promc_push_is_label_name(label->name)) {
        return fail(label->name[0] == '\0' ? PROMC_E_INVALID : PROMC_E_LABEL_NAME, settings,
                    "grouping label \"%s\": a name must match [a-zA-Z_][a-zA-Z0-9_]* and must not begin with __",
                    label->name);
    }
    for (size_t j = 0; j < i; j++)
        if (strcmp(label->name, settings->grouping[j].name) == 0)
            return fail(PROMC_E_LABEL_NAME, settings, "grouping label \"%s\" is repeated", label->name);
    return check_value(settings, label->name, label->value);
}

/* Control characters could end a header and begin another. */
static bool has_control(const char *text)
{
    for (; text && *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static int check(const promc_push_settings *settings)
{
    if (!settings || !settings->url || !settings->job || settings->job[0] == '\0')
        return promc_error_set(PROMC_E_INVALID, "url and job are required");
    if (PROMC_RESERVED_CHECK(promc_push_settings, settings) != 0)
        return PROMC_E_VERSION;
    if (strncmp(settings->url, "http://", 7) != 0 && strncmp(settings->url, "https://", 8) != 0)
        return fail(PROMC_E_INVALID, settings, "url \"%s\" does not begin with http:// or https://", settings->url);
    if (has_control(settings->url) || has_control(settings->user) || has_control(settings->password) ||
        has_control(settings->bearer_token))
        return fail(PROMC_E_INVALID, settings, "url, user, password and token must not contain control characters");
    int error = check_value(settings, "job", settings->job);
    for (size_t i = 0; error == 0 && i < settings->grouping_count; i++)
        error = check_grouping(settings, i);
    return error;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void set_authorization(CURL *curl, const promc_push_settings *settings)
{
    if (settings->user) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, settings->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, settings->password ? settings->password : "");
    }
    if (settings->bearer_token) {
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

/* Map a finished transfer to our error code and text. */
static int verdict(CURL *curl, CURLcode result, const struct exchange *exchange, const char *url, const char *curl_text,
                   const promc_push_settings *settings)
{
    long status = 0;
    if (exchange->scrape_error != 0)
        return fail(exchange->scrape_error, settings, "%s: %s", url, promc_strerror(exchange->scrape_error));
    if (result != CURLE_OK) {
        int code = result == CURLE_OPERATION_TIMEDOUT ? PROMC_E_TIMEOUT
                   : result == CURLE_OUT_OF_MEMORY    ? PROMC_E_NOMEM
                                                      : PROMC_E_IO;
        return fail(code, settings, "%s: %s", url, curl_text[0] != '\0' ? curl_text : curl_easy_strerror(result));
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) {
        int length = (int)strcspn(exchange->answer, "\r\n");
        return fail(PROMC_E_IO, settings, "%s: status %ld: %.*s", url, status, length, exchange->answer);
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
    /* No "Expect: 100-continue": a gateway that ignores it would cost a second. */
    struct curl_slist *headers = curl_slist_append(NULL, type), *both = curl_slist_append(headers, "Expect:");
    if (!headers || !both) {
        curl_slist_free_all(headers);
        return fail(PROMC_E_NOMEM, settings, "%s: out of memory", url);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, curl_text);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* do not touch the program's signals */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(settings->timeout_ms != 0 ? settings->timeout_ms : 10000));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    set_authorization(curl, settings);
    if (exchange->scrape)
        set_body(curl, exchange);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode result = curl_easy_perform(curl);
    int error = verdict(curl, result, exchange, url, curl_text, settings);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL); /* curl_easy_cleanup() may still write to it */
    curl_slist_free_all(headers);
    return error;
}

static int send_request(const char *method, promc_scrape *scrape, const promc_push_settings *settings)
{
    struct exchange exchange = {.scrape = scrape};
    pthread_once(&curl_once, start_curl);
    char *url = promc_push_url(settings);
    CURL *curl = curl_ready == CURLE_OK ? curl_easy_init() : NULL;
    int error = url && curl ? perform(curl, method, url, &exchange, settings)
                            : fail(PROMC_E_NOMEM, settings, "%s: out of memory", settings->url);
    curl_easy_cleanup(curl);
    free(url);
    return error;
}

static int push(const char *method, promc_registry *registry, const promc_push_settings *settings)
{
    promc_scrape *scrape;
    int error = check(settings);
    if (error != 0)
        return error;
    error = promc_scrape_begin(
        registry, &(promc_scrape_settings){.no_self_metrics = !settings->self_metrics, .no_timestamps = 1}, &scrape);
    if (error != 0)
        return error;
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
