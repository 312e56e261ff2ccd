/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message is KEY.eml or it is not there: it is written under another name, synced, and renamed. The name is the
 * idempotency key, so sending again after a crash writes the same file.
 */
#include "services/mail_transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct outbox {
    int directory;
};

void *mail_file_open(const char *directory)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));

    if (!outbox)
        return NULL;
    outbox->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (outbox->directory < 0) {
        free(outbox);
        return NULL;
    }
    return outbox;
}

static void file_name(char out[160], const char *prefix, const char *key, const char *suffix)
{
    (void)snprintf(out, 160, "%s%s%s", prefix, key, suffix); /* mail_message has checked the key: at most 128 */
    for (char *p = out; *p; p++) {
        if (*p == ':')
            *p = '.';
    }
}

static int write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

static enum mail_outcome failed(char error[MAIL_ERROR_MAX], const char *what, int number)
{
    (void)snprintf(error, MAIL_ERROR_MAX, "%s: %s", what, strerror(number));
    return MAIL_RETRY;
}

static enum mail_outcome file_send(void *self, const struct mail_parcel *parcel, char error[MAIL_ERROR_MAX])
{
    struct outbox *outbox = self;
    char temporary[160], name[160];

    file_name(temporary, ".", parcel->key, ".part");
    file_name(name, "", parcel->key, ".eml");
    int fd = openat(outbox->directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed(error, "the message's file cannot be made", errno);
    if (write_all(fd, parcel->data, parcel->length) < 0 || fsync(fd) < 0) {
        int number = errno;
        (void)close(fd);
        (void)unlinkat(outbox->directory, temporary, 0);
        return failed(error, "the message cannot be written", number);
    }
    (void)close(fd);
    if (renameat(outbox->directory, temporary, outbox->directory, name) < 0)
        return failed(error, "the message's file cannot be renamed", errno);
    return MAIL_SENT;
}

static int file_flush(void *self)
{
    struct outbox *outbox = self;

    return fsync(outbox->directory);
}

static enum mail_found file_find(void *self, const char *key)
{
    struct outbox *outbox = self;
    char name[160];

    file_name(name, "", key, ".eml");
    return faccessat(outbox->directory, name, F_OK, 0) == 0 ? MAIL_FOUND_YES : MAIL_FOUND_NO;
}

static void file_close(void *self)
{
    struct outbox *outbox = self;

    (void)close(outbox->directory);
    free(outbox);
}

const struct mail_transport mail_file = {file_send, file_flush, file_find, file_close};
