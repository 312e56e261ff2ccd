/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (4u << 20)

struct client {
    CURLM *multi;
    char url[128];
    unsigned in_flight;
    struct exchange *exchanges; /* all in flight, so that closing frees them */
};

struct exchange {
    struct exchange *next, **previous;
    CURL *easy;
    struct curl_slist *headers;
    client_done done;
    void *arg;
    char *answer; /* grows; NUL-terminated */
    size_t length;
};

int client_open(struct client **out, const char *url)
{
    struct client *client = calloc(1, sizeof(*client));
    if (!client)
        return -1;
    (void)snprintf(client->url, sizeof(client->url), "%s", url);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(client->multi = curl_multi_init())) {
        free(client);
        return -1;
    }
    /* Connections are kept alive and reused, as browsers do. */
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 32L);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 32L);
    *out = client;
    return 0;
}

static void exchange_free(struct client *client, struct exchange *x)
{
    *x->previous = x->next;
    if (x->next)
        x->next->previous = x->previous;
    if (x->easy) {
        curl_multi_remove_handle(client->multi, x->easy);
        curl_easy_cleanup(x->easy);
    }
    curl_slist_free_all(x->headers);
    free(x->answer);
    free(x);
    client->in_flight--;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    for (struct exchange *x = client->exchanges, *next; x; x = next) {
        next = x->next;
        exchange_free(client, x);
    }
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    free(client);
}

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    size_t bytes = size * n;
    if (bytes > ANSWER_MAX - x->length)
        return 0; /* libcurl ends the transfer with an error */
    char *grown = realloc(x->answer, x->length + bytes + 1);
    if (!grown)
        return 0;
    memcpy(grown + x->length, data, bytes);
    x->answer = grown;
    x->length += bytes;
    grown[x->length] = '\0';
    return bytes;
}

static int add_header(struct exchange *x, const char *name, const char *value)
{
    char line[512];
    int n = snprintf(line, sizeof(line), "%s: %s", name, value);
    if (n < 0 || (size_t)n >= sizeof(line))
        return -1;
    struct curl_slist *list = curl_slist_append(x->headers, line);
    if (!list)
        return -1;
    x->headers = list;
    return 0;
}

static int set_headers(struct exchange *x, const struct client_request *request)
{
    char bearer[400];
    if (request->key) {
        int n = snprintf(bearer, sizeof(bearer), "Bearer %s", request->key);
        if (n < 0 || (size_t)n >= sizeof(bearer) || add_header(x, "Authorization", bearer))
            return -1;
    }
    if (request->content_type && add_header(x, "Content-Type", request->content_type))
        return -1;
    /* An empty "Expect:" tells libcurl not to wait for "100 Continue". */
    struct curl_slist *list = curl_slist_append(x->headers, "Expect:");
    if (!list)
        return -1;
    x->headers = list;
    return curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK ? 0 : -1;
}

int client_send(struct client *client, const struct client_request *request, client_done done, void *arg)
{
    char url[1024];
    struct exchange *x = calloc(1, sizeof(*x));
    if (!x)
        return -1;
    x->done = done;
    x->arg = arg;
    x->next = client->exchanges;
    x->previous = &client->exchanges;
    if (x->next)
        x->next->previous = &x->next;
    client->exchanges = x;
    client->in_flight++;

    int n = snprintf(url, sizeof(url), "%s%s", client->url, request->path);
    if (n < 0 || (size_t)n >= sizeof(url) || !(x->easy = curl_easy_init()) || set_headers(x, request))
        goto fail;
    curl_easy_setopt(x->easy, CURLOPT_URL, url);
    curl_easy_setopt(x->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(x->easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, 60000L);
    curl_easy_setopt(x->easy, CURLOPT_PRIVATE, x);
    curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
    if (request->body) {
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        if (curl_easy_setopt(x->easy, CURLOPT_COPYPOSTFIELDS, request->body) != CURLE_OK)
            goto fail;
    } else if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE, 0L);
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, "");
    }
    curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (curl_multi_add_handle(client->multi, x->easy) != CURLM_OK)
        goto fail;
    return 0;
fail:
    exchange_free(client, x);
    return -1;
}

static void finish(struct client *client, CURL *easy, CURLcode result)
{
    struct exchange *x = NULL;
    long status = 0;
    double seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME, &seconds);
    if (result == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        x->done(x->arg, status, x->answer ? x->answer : "", x->length, seconds);
    } else {
        const char *why = curl_easy_strerror(result);
        x->done(x->arg, 0, why, strlen(why), seconds);
    }
    exchange_free(client, x);
}

void client_turn(struct client *client, int timeout_ms)
{
    int running = 0, left = 0;
    curl_multi_perform(client->multi, &running);
    for (CURLMsg *msg; (msg = curl_multi_info_read(client->multi, &left)) != NULL;)
        if (msg->msg == CURLMSG_DONE)
            finish(client, msg->easy_handle, msg->data.result);
    curl_multi_poll(client->multi, NULL, 0, timeout_ms, NULL);
}

unsigned client_in_flight(const struct client *client)
{
    return client->in_flight;
}
