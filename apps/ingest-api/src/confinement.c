/* SPDX-License-Identifier: Apache-2.0 */
#include "confinement.h"

#include "base/backends.h"
#include "base/confine.h"
#include "base/directory.h"
#include "base/log.h"
#include "base/settings.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FOLDERS 4
#define FOLDER_MODE 0750 /* as in mail/mailer.c */

struct folders {
    char path[FOLDERS][600];
    const char *list[FOLDERS];
    size_t n;
};

static void add(struct folders *folders, const char *path)
{
    snprintf(folders->path[folders->n], sizeof(folders->path[0]), "%s", path);
    folders->list[folders->n] = folders->path[folders->n];
    folders->n++;
}

/* Allow the folder of a file, because SQLite creates its log beside it, and promc the file that replaces it. */
static void add_folder_of(struct folders *folders, const char *file)
{
    char path[600];
    snprintf(path, sizeof(path), "%s", file);
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
    add(folders, slash ? path : ".");
}

int confinement_begin(const struct settings *settings)
{
    struct folders folders = {.n = 0};
    struct confined confined;
    char store[600];
    const char *outbox;
    if (!settings->confine)
        return 0;
    add(&folders, settings->data_dir);
    if (store_file(settings, store, sizeof(store)))
        add_folder_of(&folders, store);
    /* create it now: later its parent is not writable */
    if (backend_of_mail(settings->mail_url, &outbox) == MAIL_IS_FILE && *outbox &&
        directory_make(outbox, FOLDER_MODE) == 0)
        add(&folders, outbox);
    if (settings->metrics_arena[0])
        add_folder_of(&folders, settings->metrics_arena);
    if (confine(folders.list, folders.n, &confined) < 0) {
        log_error("the process cannot be confined; CONFINE=0 turns this off", "s:error", strerror(errno));
        return -1;
    }
    if (confined.landlock && confined.seccomp)
        log_info("confined", "i:landlock", (int64_t)confined.landlock, "b:seccomp", 1);
    else
        log_info("partly confined: this kernel does not support the rest, or a tool traces the process", "i:landlock",
                 (int64_t)confined.landlock, "b:seccomp", confined.seccomp);
    return 0;
}
