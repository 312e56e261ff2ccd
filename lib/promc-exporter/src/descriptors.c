/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forked child has copies of all descriptors but no thread to serve them: its copy of a listener would keep the port after the
 * parent's end without answering, and its copy of a connection would keep the client waiting. So the child closes them at once.
 *
 * One lock for all exporters is held around every open and close and across fork, so that the child's lists contain only open descriptors of ours.
 */
#include "exporter_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t fds_lock = PTHREAD_MUTEX_INITIALIZER;
static promc_exporter *all_exporters;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

void promc_exporter_lock_fds(void)
{
    pthread_mutex_lock(&fds_lock);
}

void promc_exporter_unlock_fds(void)
{
    pthread_mutex_unlock(&fds_lock);
}

static void close_kept(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(promc_exporter *exporter)
{
    for (size_t i = 0; i < PROMC_LISTENERS; i++)
        close_kept(&exporter->listeners[i]);
    close_kept(&exporter->wake[0]);
    close_kept(&exporter->wake[1]);
    close_kept(&exporter->reserve);
    for (size_t i = 0; i <= exporter->settings.max_connections; i++)
        close_kept(&exporter->clients[i]);
}

static void after_fork_in_child(void)
{
    for (promc_exporter *exporter = all_exporters; exporter != NULL; exporter = exporter->next)
        close_all(exporter);
    all_exporters = NULL;
    promc_exporter_unlock_fds();
}

static void watch_fork(void)
{
    pthread_atfork(promc_exporter_lock_fds, promc_exporter_unlock_fds, after_fork_in_child);
}

void promc_exporter_remember(promc_exporter *exporter)
{
    pthread_once(&fork_once, watch_fork);
    promc_exporter_lock_fds();
    exporter->owner = getpid();
    exporter->next = all_exporters;
    all_exporters = exporter;
    promc_exporter_unlock_fds();
}

void promc_exporter_forget(promc_exporter *exporter)
{
    promc_exporter_lock_fds();
    for (promc_exporter **place = &all_exporters; *place != NULL; place = &(*place)->next) {
        if (*place == exporter) {
            *place = exporter->next;
            break;
        }
    }
    promc_exporter_unlock_fds();
}

int promc_exporter_take_fds(promc_exporter *exporter)
{
    promc_exporter_lock_fds();
    bool good = pipe(exporter->wake) == 0;
    for (int i = 0; good && i < 2; i++)
        good = fcntl(exporter->wake[i], F_SETFD, FD_CLOEXEC) == 0 && fcntl(exporter->wake[i], F_SETFL, O_NONBLOCK) == 0;
    exporter->reserve = good ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    promc_exporter_unlock_fds();
    return exporter->reserve >= 0
               ? 0
               : promc_exporter_fail(PROMC_E_IO, "cannot open file descriptors: %s", strerror(errno));
}

void promc_exporter_drop_fds(promc_exporter *exporter)
{
    promc_exporter_lock_fds();
    close_all(exporter);
    promc_exporter_unlock_fds();
}

bool promc_exporter_keep_fd(promc_exporter *exporter, int fd)
{
    for (size_t i = 0; i <= exporter->settings.max_connections; i++) {
        if (exporter->clients[i] < 0) {
            exporter->clients[i] = fd;
            return true;
        }
    }
    return false;
}

static void forget_client(promc_exporter *exporter, int fd)
{
    for (size_t i = 0; i <= exporter->settings.max_connections; i++)
        if (exporter->clients[i] == fd)
            exporter->clients[i] = -1;
}

void promc_exporter_close_fd(promc_exporter *exporter, int fd)
{
    promc_exporter_lock_fds();
    forget_client(exporter, fd);
    close(fd);
    promc_exporter_unlock_fds();
}

void promc_exporter_forget_fd(promc_exporter *exporter, int fd)
{
    promc_exporter_lock_fds();
    forget_client(exporter, fd);
    promc_exporter_unlock_fds();
}
