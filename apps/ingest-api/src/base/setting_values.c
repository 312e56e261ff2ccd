/* SPDX-License-Identifier: Apache-2.0 */
#include "base/setting_values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void report_fault(struct report *report, const char *format, ...)
{
    va_list arguments;
    report->faults++;
    va_start(arguments, format);
    size_t room = report->size - report->length;
    int n = room > 1 ? vsnprintf(report->text + report->length, room - 1, format, arguments) : -1;
    va_end(arguments);
    if (n < 0)
        return;
    report->length += (size_t)n < room - 1 ? (size_t)n : room - 2;
    report->text[report->length++] = '\n';
    report->text[report->length] = '\0';
}

/* ---- numbers ---- */

static void store_number(struct settings *settings, const struct number *number, uint64_t value)
{
    void *field = (char *)settings + number->offset;
    switch (number->type) {
    case NUMBER_UNSIGNED:
        *(unsigned *)field = (unsigned)value;
        break;
    case NUMBER_SIZE:
        *(size_t *)field = (size_t)value;
        break;
    case NUMBER_U16:
        *(uint16_t *)field = (uint16_t)value;
        break;
    case NUMBER_BOOL:
        *(bool *)field = value != 0;
        break;
    }
}

void setting_number(struct settings *settings, const struct number *number, struct report *report)
{
    const char *text = getenv(number->name);
    store_number(settings, number, number->fallback);
    if (!text || !*text)
        return;
    char *rest;
    errno = 0;
    unsigned long long value = strtoull(text, &rest, 10);
    /* strtoull accepts white space and signs; a setting does not */
    if (text[0] < '0' || text[0] > '9' || *rest || errno || value < number->minimum || value > number->maximum) {
        report_fault(report, "%s=\"%.64s\": must be a whole number from %llu to %llu", number->name, text,
                     (unsigned long long)number->minimum, (unsigned long long)number->maximum);
        return;
    }
    store_number(settings, number, value);
}

/* ---- texts ---- */

/* Read a secret's file into out, without the newline at its end. @return false after an error, which is reported. */
static bool read_secret(const char *name, const char *path, char *out, size_t size, struct report *report)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size) : -1;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        report_fault(report, "%s_FILE=\"%.200s\": cannot be read: %s", name, path, strerror(error));
        return false;
    }
    if ((size_t)n == size) {
        report_fault(report, "%s_FILE=\"%.200s\": longer than %zu bytes", name, path, size - 1);
        return false;
    }
    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r'))
        n--;
    out[n] = '\0';
    if (strlen(out) != (size_t)n || n == 0) {
        report_fault(report, "%s_FILE=\"%.200s\": %s", name, path, n == 0 ? "empty" : "holds a NUL byte");
        return false;
    }
    return true;
}

void setting_string(struct settings *settings, const struct string *string, struct report *report)
{
    char *field = (char *)settings + string->offset;
    const char *value = getenv(string->name);
    char file_name[64];
    snprintf(file_name, sizeof(file_name), "%s_FILE", string->name);
    const char *file = string->secret ? getenv(file_name) : NULL;

    snprintf(field, string->size, "%s", string->fallback);
    if (value && *value && file && *file) {
        report_fault(report, "%s and %s: only one of them may be set", string->name, file_name);
        return;
    }
    if (file && *file) {
        char content[1024];
        size_t size = string->size < sizeof(content) ? string->size : sizeof(content);
        if (read_secret(string->name, file, content, size, report))
            memcpy(field, content, strlen(content) + 1);
        return;
    }
    if (!value || !*value)
        return;
    size_t length = strlen(value);
    if (length >= string->size) {
        report_fault(report, "%s: %zu bytes long, at most %zu are allowed", string->name, length, string->size - 1);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) {
            report_fault(report, "%s: control character 0x%02x at byte %zu", string->name, (unsigned char)value[i], i);
            return;
        }
    }
    memcpy(field, value, length + 1);
}
