/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include <stdlib.h>
#include <string.h>

/* Size of one path element in either encoding, with its marks and slashes. */
static size_t element_room(const char *text)
{
    return 3 * strlen(text) + sizeof("/@base64/=");
}

static char *put_percent(char *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (strchr(plain, c)) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = "0123456789ABCDEF"[c >> 4];
            *out++ = "0123456789ABCDEF"[c & 15];
        }
    }
    return out;
}

/* base64 with the URL-safe alphabet, without padding. An empty value is a single `=`, as the gateway requires. */
static char *put_base64(char *out, const char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = strlen(text);
    if (length == 0)
        *out++ = '=';
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned bits = (unsigned)(unsigned char)text[i] << 16;
        bits |= left > 1 ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
        bits |= left > 2 ? (unsigned)(unsigned char)text[i + 2] : 0;
        for (size_t digit = 0; digit < (left > 2 ? 4 : left + 1); digit++)
            *out++ = alphabet[bits >> (18 - 6 * digit) & 63];
    }
    return out;
}

/* Empty elements, `.` and `..` do not survive: curl and the gateway's server shorten the path. */
static bool can_be_element(const char *value)
{
    return *value != '\0' && !strchr(value, '/') && strcmp(value, ".") != 0 && strcmp(value, "..") != 0;
}

static char *put_label(char *out, const char *name, const char *value)
{
    *out++ = '/';
    out = put_percent(out, name);
    if (!can_be_element(value)) {
        out = stpcpy(out, "@base64/");
        return put_base64(out, value);
    }
    *out++ = '/';
    return put_percent(out, value);
}

char *promc_push_url(const promc_push_settings *settings)
{
    size_t base = strlen(settings->url);
    size_t room = base + sizeof("/metrics/job") + element_room(settings->job);
    for (size_t i = 0; i < settings->grouping_count; i++)
        room += element_room(settings->grouping[i].name) + element_room(settings->grouping[i].value);
    char *url = malloc(room + 1);
    if (!url)
        return NULL;
    while (base > 0 && settings->url[base - 1] == '/')
        base--;
    char *out = (char *)memcpy(url, settings->url, base) + base;
    out = stpcpy(out, "/metrics");
    out = put_label(out, "job", settings->job);
    for (size_t i = 0; i < settings->grouping_count; i++)
        out = put_label(out, settings->grouping[i].name, settings->grouping[i].value);
    *out = '\0';
    return url;
}

bool promc_push_is_label_name(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    size_t length = strlen(name);
    return length > 0 && strspn(name, first) == length && (name[0] < '0' || name[0] > '9') &&
           strncmp(name, "__", 2) != 0;
}

/* Number of continuation bytes after a first byte; -1: not a first byte. */
static int continuation(unsigned char first)
{
    return first < 0x80 ? 0 : first < 0xC2 ? -1 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : -1;
}

bool promc_push_is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        int more = continuation(*at);
        unsigned char low = *at == 0xE0 ? 0xA0 : *at == 0xF0 ? 0x90 : 0x80;  /* no overlong forms */
        unsigned char high = *at == 0xED ? 0x9F : *at == 0xF4 ? 0x8F : 0xBF; /* no surrogates; at most U+10FFFF */
        for (at++; more > 0; more--, at++) {
            if (*at < low || *at > high)
                return false;
            low = 0x80;
            high = 0xBF;
        }
        if (more < 0)
            return false;
    }
    return true;
}
