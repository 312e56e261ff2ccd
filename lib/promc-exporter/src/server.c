/* SPDX-License-Identifier: Apache-2.0 */
/* The server's thread: poll() over the listeners and all connections. */
#include "connection.h"
#include "history.h"
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND 1000000ull
/* The longest sleep: the thread ends even if other code has closed our wake-up pipe. */
#define SLEEP_MS 1000
/* Delay before accept() is retried after descriptors ran out. */
#define ACCEPT_AGAIN_NS (100 * MILLISECOND)
/* Delay before a poll() that failed is repeated. */
#define POLL_AGAIN_NS (100 * MILLISECOND)
/* Connections accepted in a row before existing ones get their turn. */
#define ACCEPT_TURNS 16

static void drop_connection(promc_exporter *exporter, size_t i)
{
    promc_connection_close(exporter->connections[i]);
    exporter->connections[i] = exporter->connections[--exporter->connection_count];
}

/* Make room: close the longest idle connection among those idle since before `since`. */
static bool evict_idle(promc_exporter *exporter, uint64_t since)
{
    size_t oldest = exporter->connection_count;
    for (size_t i = 0; i < exporter->connection_count; i++)
        if (promc_connection_is_idle(exporter->connections[i]) && exporter->connections[i]->idle_since_ns <= since &&
            (oldest == exporter->connection_count ||
             exporter->connections[i]->idle_since_ns < exporter->connections[oldest]->idle_since_ns))
            oldest = i;
    if (oldest == exporter->connection_count)
        return false;
    drop_connection(exporter, oldest);
    return true;
}

static void keep_reserve(promc_exporter *exporter)
{
    promc_exporter_lock_fds();
    if (exporter->reserve < 0)
        exporter->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    promc_exporter_unlock_fds();
}

static bool give_up_reserve(promc_exporter *exporter)
{
    promc_exporter_lock_fds();
    bool had = exporter->reserve >= 0;
    if (had)
        close(exporter->reserve);
    exporter->reserve = -1;
    promc_exporter_unlock_fds();
    return had;
}

/* accept() and add to the list in one step, for fork. errno is set for -1. */
static int accept_client(promc_exporter *exporter, int listener)
{
    promc_exporter_lock_fds();
    int fd = promc_accept(listener);
    if (fd >= 0 && !promc_exporter_keep_fd(exporter, fd)) {
        close(fd); /* cannot happen: the list has one place more than max_connections */
        fd = -1;
        errno = ECONNABORTED;
    }
    promc_exporter_unlock_fds();
    return fd;
}

static void take_client(promc_exporter *exporter, int fd, bool reserve, uint64_t now)
{
    bool place = exporter->connection_count < exporter->settings.max_connections || evict_idle(exporter, now);
    if (!place) {
        promc_exporter_close_fd(exporter, fd);
        return;
    }
    struct promc_connection *connection = promc_connection_open(exporter, fd, now);
    if (connection) {
        connection->reserve = reserve;
        exporter->connections[exporter->connection_count++] = connection;
        promc_connection_run(connection, now); /* usually the request has already arrived */
    }
}

/*
 * Out of descriptors: close the reserve, or else an idle connection that is not too new to have sent its request. Checks first that a client
 * waits, because without descriptors accept() fails even if none does. @return false: no descriptor could be freed, or no client waits.
 */
static bool find_descriptor(promc_exporter *exporter, int listener, uint64_t now, bool *reserve)
{
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    if (poll(&waiting, 1, 0) <= 0)
        return false;
    *reserve = give_up_reserve(exporter);
    if (*reserve || evict_idle(exporter, now - ACCEPT_AGAIN_NS))
        return true;
    exporter->accept_again_ns = now + ACCEPT_AGAIN_NS;
    return false;
}

static void accept_from(promc_exporter *exporter, int *listener, uint64_t now)
{
    bool reserve = false;
    for (int turn = 0; turn < ACCEPT_TURNS; turn++) {
        int fd = accept_client(exporter, *listener);
        if (fd >= 0) {
            take_client(exporter, fd, reserve, now);
            reserve = false;
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            if (!find_descriptor(exporter, *listener, now, &reserve))
                return;
        } else if (errno == EBADF || errno == ENOTSOCK || errno == EINVAL) {
            *listener = -1; /* other code has closed it; its number may now be another descriptor */
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
    }
}

static int sleep_ms(const promc_exporter *exporter, uint64_t now)
{
    uint64_t until = now + SLEEP_MS * MILLISECOND;
    for (size_t i = 0; i < exporter->connection_count; i++) {
        const struct promc_connection *connection = exporter->connections[i];
        if (connection->eager)
            return 0;
        until = connection->deadline_ns < until ? connection->deadline_ns : until;
    }
    if (exporter->accept_again_ns > now && exporter->accept_again_ns < until)
        until = exporter->accept_again_ns;
    return until > now ? (int)((until - now) / MILLISECOND) + 1 : 0;
}

/* Fill the list for poll(): the wake-up pipe, the listeners, the connections, in this order. */
static size_t fill_polls(promc_exporter *exporter, uint64_t now)
{
    struct pollfd *polls = exporter->polls;
    bool paused = exporter->accept_again_ns > now;
    polls[0] = (struct pollfd){.fd = exporter->wake[0], .events = POLLIN};
    for (size_t i = 0; i < PROMC_LISTENERS; i++)
        polls[1 + i] = (struct pollfd){.fd = paused ? -1 : exporter->listeners[i], .events = POLLIN};
    for (size_t i = 0; i < exporter->connection_count; i++) {
        polls[1 + PROMC_LISTENERS + i] = (struct pollfd){.fd = exporter->connections[i]->transport.fd,
                                                         .events = promc_connection_events(exporter->connections[i])};
    }
    return 1 + PROMC_LISTENERS + exporter->connection_count;
}

/* Backwards, since the last connection moves into the place of a closed one. */
static void run_connections(promc_exporter *exporter, uint64_t now)
{
    for (size_t i = exporter->connection_count; i-- > 0;) {
        struct promc_connection *connection = exporter->connections[i];
        short events = exporter->polls[1 + PROMC_LISTENERS + i].revents;
        if (events & POLLNVAL) {
            connection->gone = true;
            connection->state = PROMC_CONNECTION_CLOSED;
        } else if (events != 0 || connection->eager) {
            promc_connection_run(connection, now);
        }
        if (connection->state != PROMC_CONNECTION_CLOSED && connection->deadline_ns <= promc_now_ns()) {
            connection->cut = connection->state == PROMC_CONNECTION_ANSWER;
            connection->state = PROMC_CONNECTION_CLOSED;
        }
        if (connection->state == PROMC_CONNECTION_CLOSED)
            drop_connection(exporter, i);
    }
}

static void take_over(promc_exporter *exporter, uint64_t now)
{
    const struct pollfd *polls = exporter->polls;
    if (polls[0].revents & POLLNVAL)
        exporter->wake[0] = -1;
    for (size_t i = 0; i < PROMC_LISTENERS; i++)
        if (polls[1 + i].revents & POLLNVAL)
            exporter->listeners[i] = -1;
        else if (polls[1 + i].revents != 0)
            accept_from(exporter, &exporter->listeners[i], now);
    for (size_t i = exporter->connection_count; i-- > 0;)
        if (exporter->connections[i]->state == PROMC_CONNECTION_CLOSED)
            drop_connection(exporter, i);
}

static void *serve(void *user)
{
    promc_exporter *exporter = user;
    while (!__atomic_load_n(&exporter->stop, __ATOMIC_SEQ_CST)) {
        uint64_t now = promc_now_ns();
        size_t count = fill_polls(exporter, now);
        if (poll(exporter->polls, (nfds_t)count, sleep_ms(exporter, now)) < 0) {
            /* The program has set its limit of descriptors below `count`, or there is no memory: it would fail again at once. */
            (void)nanosleep(&(struct timespec){.tv_nsec = POLL_AGAIN_NS}, NULL);
            for (size_t i = 0; i < count; i++)
                exporter->polls[i].revents = 0;
        }
        now = promc_now_ns();
        run_connections(exporter, now);
        keep_reserve(exporter);
        take_over(exporter, now);
        promc_history_run(exporter->history, now); /* at most a second late: see SLEEP_MS */
    }
    while (exporter->connection_count > 0) {
        exporter->connections[0]->cut = exporter->connections[0]->state == PROMC_CONNECTION_ANSWER;
        drop_connection(exporter, 0);
    }
    return NULL;
}

/* Signals belong to the program: the thread starts with all of them blocked. */
int promc_exporter_serve(promc_exporter *exporter)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&exporter->thread, NULL, serve, exporter);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    exporter->started = error == 0;
    return error == 0 ? 0
                      : promc_exporter_fail(PROMC_E_IO, "the server's thread cannot be started: %s", strerror(error));
}

void promc_exporter_end(promc_exporter *exporter)
{
    __atomic_store_n(&exporter->stop, true, __ATOMIC_SEQ_CST);
    ssize_t written = exporter->wake[1] >= 0 ? write(exporter->wake[1], "", 1) : 0;
    (void)written; /* full or closed: the thread wakes up after SLEEP_MS at the latest */
    pthread_join(exporter->thread, NULL);
}
