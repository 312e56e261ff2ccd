/* SPDX-License-Identifier: Apache-2.0 */
#include "base/backends.h"

#include <stddef.h>
#include <string.h>

/* @return the text after the prefix; NULL: it does not begin with the prefix, or nothing follows. */
static const char *behind(const char *url, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(url, prefix, n) == 0 && url[n] ? url + n : NULL;
}

static void give(const char **out, const char *text)
{
    if (out)
        *out = text;
}

enum store_backend backend_of_store(const char *url, const char **path)
{
    const char *file = behind(url, "sqlite:");
    give(path, file ? file : "");
    if (!*url || strcmp(url, "sqlite") == 0 || file)
        return STORE_IS_SQLITE;
    return behind(url, "postgres://") || behind(url, "postgresql://") ? STORE_IS_POSTGRES : STORE_IS_INVALID;
}

enum queue_backend backend_of_queue(const char *url)
{
    if (!*url || strcmp(url, "embedded") == 0)
        return QUEUE_IS_EMBEDDED;
    return behind(url, "amqp://") ? QUEUE_IS_AMQP : behind(url, "amqps://") ? QUEUE_IS_AMQPS : QUEUE_IS_INVALID;
}

bool backend_is_broker(const char *queue_url)
{
    enum queue_backend backend = backend_of_queue(queue_url);
    return backend == QUEUE_IS_AMQP || backend == QUEUE_IS_AMQPS;
}

enum mail_backend backend_of_mail(const char *url, const char **directory)
{
    const char *folder = behind(url, "file:");
    give(directory, folder ? folder : "");
    if (!*url || strcmp(url, "file") == 0 || folder)
        return MAIL_IS_FILE;
    return behind(url, "smtp://") ? MAIL_IS_SMTP : behind(url, "smtps://") ? MAIL_IS_SMTPS : MAIL_IS_INVALID;
}
