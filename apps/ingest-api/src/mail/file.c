/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file KEY.eml is either complete or missing: it is written under another name, synced, and renamed. The name is the
 * idempotency key, so sending again after a crash writes the same file.
 *
 * The flush syncs and renames: if many files were written one after the other, the first fsync commits the file
 * system's journal for all of them, and the others have little left to do.
 */
#include "mail/file.h"

#include "base/backends.h"
#include "base/log.h"
#include "base/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PENDING_MAX 256
#define NAME_SIZE 160

struct pending {
    int fd;
    char key[129];
};

struct outbox {
    int directory;
    size_t count; /* written but not yet synced */
    struct pending pending[PENDING_MAX];
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

static void file_name(char out[NAME_SIZE], const char *prefix, const char *key, const char *suffix)
{
    (void)snprintf(out, NAME_SIZE, "%s%s%s", prefix, key, suffix); /* fits: the key has at most 128 characters */
    for (char *p = out; *p; p++)
        if (*p == ':')
            *p = '.';
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

static enum mail_outcome failed(struct mail_answer *answer, const char *what, int number)
{
    (void)snprintf(answer->error, sizeof(answer->error), "%s: %s", what, strerror(number));
    return MAIL_UNAVAILABLE;
}

/* mail_file_forget() has removed the file, because the e-mail was erased. If the whole outbox is gone, nobody knows. */
static bool was_erased(const struct outbox *outbox, const struct pending *pending)
{
    struct stat file, directory;
    return fstat(pending->fd, &file) == 0 && file.st_nlink == 0 && fstat(outbox->directory, &directory) == 0 &&
           directory.st_nlink > 0;
}

/* Sync and rename a file. Closes its descriptor in any case. */
static int settle(struct outbox *outbox, struct pending *pending)
{
    char temporary[NAME_SIZE], name[NAME_SIZE];
    int rc = fsync(pending->fd);

    file_name(temporary, ".", pending->key, ".part");
    file_name(name, "", pending->key, ".eml");
    if (rc < 0)
        (void)unlinkat(outbox->directory, temporary, 0);
    else if (renameat(outbox->directory, temporary, outbox->directory, name) < 0 && !was_erased(outbox, pending))
        rc = -1;
    (void)close(pending->fd);
    return rc;
}

static int file_flush(void *self)
{
    struct outbox *outbox = self;
    int rc = 0;

    if (outbox->count == 0)
        return 0;
    for (size_t i = 0; i < outbox->count; i++)
        rc |= settle(outbox, &outbox->pending[i]);
    outbox->count = 0;
    return rc < 0 || fsync(outbox->directory) < 0 ? -1 : 0;
}

static bool is_pending(const struct outbox *outbox, const char *key)
{
    for (size_t i = 0; i < outbox->count; i++)
        if (strcmp(outbox->pending[i].key, key) == 0)
            return true;
    return false;
}

static enum mail_outcome file_send(void *self, const struct mail_parcel *parcel, struct mail_answer *answer)
{
    struct outbox *outbox = self;
    char temporary[NAME_SIZE];

    if ((outbox->count == PENDING_MAX || is_pending(outbox, parcel->key)) && file_flush(outbox) < 0)
        return failed(answer, "the outbox cannot be synced", errno);
    file_name(temporary, ".", parcel->key, ".part");
    int fd = openat(outbox->directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed(answer, "the e-mail's file cannot be created", errno);
    if (write_all(fd, parcel->data, parcel->length) < 0) {
        int number = errno;
        (void)close(fd);
        (void)unlinkat(outbox->directory, temporary, 0);
        return failed(answer, "the e-mail cannot be written", number);
    }
    struct pending *pending = &outbox->pending[outbox->count++];
    pending->fd = fd;
    (void)snprintf(pending->key, sizeof(pending->key), "%s", parcel->key);
    return MAIL_SENT;
}

static enum mail_found file_find(void *self, const char *key)
{
    struct outbox *outbox = self;
    char name[NAME_SIZE];

    file_name(name, "", key, ".eml");
    return faccessat(outbox->directory, name, F_OK, 0) == 0 ? MAIL_FOUND_YES : MAIL_FOUND_NO;
}

static void file_close(void *self)
{
    struct outbox *outbox = self;

    (void)file_flush(outbox);
    (void)close(outbox->directory);
    free(outbox);
}

static void forget(const struct settings *settings, const char *directory, const char *name)
{
    char path[sizeof(settings->mail_url) + sizeof(settings->data_dir) + NAME_SIZE];

    (void)snprintf(path, sizeof(path), "%s%s/%s", *directory ? directory : settings->data_dir,
                   *directory ? "" : "/outbox", name);
    if (unlink(path) < 0 && errno != ENOENT)
        log_warn("an erased e-mail's file cannot be removed", "s:component", "mailer", "s:file", path, "s:error",
                 strerror(errno));
}

void mail_file_forget(const struct settings *settings, const char *key)
{
    char name[NAME_SIZE];
    const char *directory;

    if (backend_of_mail(settings->mail_url, &directory) != MAIL_IS_FILE)
        return;
    /* in this order: a worker may rename it in between */
    file_name(name, ".", key, ".part");
    forget(settings, directory, name);
    file_name(name, "", key, ".eml");
    forget(settings, directory, name);
}

const struct mail_transport mail_file = {file_send, file_flush, file_find, file_close};
