/* SPDX-License-Identifier: Apache-2.0 */
#include "http/loop.h"

#include "metrics/metrics.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUTS_MS 250
#define REST_MS 1
#define SECOND UINT64_C(1000000000)
/* connections accepted in one turn, so that the open ones get their turn */
#define ACCEPTS_PER_TURN 64
/* after a peak of this many connections memory is returned to the system */
#define CROWD 256
/* a drained loop leaves its idle connections this much time to close by themselves */
#define DRAINED_GRACE_NS (SECOND / 4)

/* ---- new connections ---- */

static void stop_accepting(struct loop *loop)
{
    if (loop->accepting)
        uv_poll_stop(&loop->poll);
    loop->accepting = false;
}

/* @return whether there may be more. */
static bool accept_one(struct loop *loop)
{
    if (loop->connection_count >= loop->max_connections) { /* further clients wait in the kernel's backlog */
        stop_accepting(loop);
        return false;
    }
    int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        loop->owner->accepted(loop, fd);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        stop_accepting(loop); /* on_timeouts() tries again */
    return errno == EINTR || errno == ECONNABORTED;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && accept_one(poll->data); i++)
        ;
}

void loop_accept_again(struct loop *loop)
{
    if (loop->accepting || loop->listener < 0 || loop->connection_count >= loop->max_connections)
        return;
    loop->accepting = uv_poll_start(&loop->poll, UV_READABLE, on_connection) == 0;
}

/* ---- the mailbox: callbacks for other threads ---- */

/*
 * A lock-free stack. Any thread pushes; the loop takes the whole list with one exchange and reverses it, so that the
 * callbacks run in the order of posting. The push releases and the exchange acquires what the poster has written before.
 */
void loop_post(struct loop *loop, struct loop_mail *mail)
{
    struct loop_mail *head = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);
    do {
        mail->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&loop->mailbox, &head, mail, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (!head)
        uv_async_send(&loop->wake); /* the loop takes the whole list at once, so only the first post must wake it */
}

static void deliver_all(struct loop_mail *mail)
{
    while (mail) {
        struct loop_mail *next = mail->next;
        mail->deliver(mail);
        mail = next;
    }
}

static void deliver_mail(struct loop *loop)
{
    struct loop_mail *newest = atomic_exchange_explicit(&loop->mailbox, NULL, memory_order_acq_rel), *oldest = NULL;
    while (newest) {
        struct loop_mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    deliver_all(oldest);
}

static void on_rest(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    struct loop_mail *mail = loop->later;
    loop->later = NULL;
    deliver_all(mail);
}

void loop_post_later(struct loop *loop, struct loop_mail *mail)
{
    mail->next = loop->later;
    loop->later = mail;
    if (!uv_is_active((uv_handle_t *)&loop->rest))
        uv_timer_start(&loop->rest, on_rest, REST_MS, 0);
}

static void begin_drain(struct loop *loop)
{
    loop->draining = true;
    /* accept what waits in the backlog: closing the listener would reset those connections */
    while (loop->listener >= 0 && accept_one(loop))
        ;
    stop_accepting(loop);
    if (loop->listener >= 0)
        close(loop->listener);
    loop->listener = -1;
    loop->owner->drain(loop);
}

static void on_wake(uv_async_t *async)
{
    struct loop *loop = async->data;
    if (!loop->draining && atomic_load_explicit(&loop->drain_deadline_ns, memory_order_acquire))
        begin_drain(loop);
    deliver_mail(loop);
}

void loop_drain(struct loop *loop, uint64_t deadline_ns)
{
    atomic_store_explicit(&loop->drain_deadline_ns, deadline_ns, memory_order_release);
    uv_async_send(&loop->wake);
}

/*
 * A request is counted in the turn in which its answer is sent. So everything that was answered before this call is
 * counted once the loop waits for events, or has begun another turn.
 */
void loop_settle(const struct loop *loop, uint64_t until_ns)
{
    const struct timespec nap = {.tv_nsec = 50000};
    uint64_t turn = atomic_load_explicit(&loop->turns, memory_order_acquire);
    while (!atomic_load_explicit(&loop->waiting_for_events, memory_order_acquire) &&
           atomic_load_explicit(&loop->turns, memory_order_acquire) == turn && promc_now_ns() < until_ns)
        nanosleep(&nap, NULL);
}

/* ---- a turn ---- */

/* Nothing is in flight, and idle connections have had time to close. */
static bool is_drained(struct loop *loop)
{
    if (!loop->draining || loop->in_flight > 0 || loop->trimming) {
        loop->drained_ns = 0;
        return false;
    }
    if (loop->connection_count == 0)
        return true;
    uint64_t now = promc_now_ns();
    if (loop->drained_ns == 0)
        loop->drained_ns = now;
    return now - loop->drained_ns > DRAINED_GRACE_NS;
}

/* libuv calls this last before the loop waits for events. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    log_buffer_flush(&loop->log);
    if (is_drained(loop))
        uv_stop(&loop->uv);
    atomic_fetch_add_explicit(&loop->turns, 1, memory_order_release);
    atomic_store_explicit(&loop->waiting_for_events, true, memory_order_release);
}

/* libuv calls this first after the wait. */
static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;
    atomic_store_explicit(&loop->waiting_for_events, false, memory_order_seq_cst);
}

static void on_lag(void *user, double seconds)
{
    metrics_loop_lag(((struct loop *)user)->index, seconds);
}

static void trim(uv_work_t *work)
{
    (void)work;
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

static void on_trimmed(uv_work_t *work, int status)
{
    (void)status;
    ((struct loop *)work->data)->trimming = false;
}

/* After many connections have ended, malloc keeps their memory. Return it to the system, on a pool thread. */
static void give_back_memory(struct loop *loop)
{
    if (loop->connection_count > loop->connection_peak)
        loop->connection_peak = loop->connection_count;
    if (loop->connection_peak < CROWD || loop->connection_count > loop->connection_peak / 4 || loop->trimming)
        return;
    loop->connection_peak = loop->connection_count;
    loop->trim.data = loop;
    loop->trimming = uv_queue_work(&loop->uv, &loop->trim, trim, on_trimmed) == 0;
}

static void report(struct loop *loop, uint64_t now_ns)
{
    loop->second_ns = now_ns;
    metrics_loop_handles(loop->index, &(struct metrics_loop_handles){.servers = loop->listener >= 0,
                                                                     .sockets = loop->connection_count,
                                                                     .timers = 2,
                                                                     .requests = loop->in_flight});
}

static void on_timeouts(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    uint64_t now = promc_now_ns();
    if (now - loop->second_ns >= SECOND)
        report(loop, now);
    give_back_memory(loop);
    loop->owner->sweep(loop, now);
    loop_accept_again(loop);
}

const char *loop_date(struct loop *loop)
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != loop->date_second) {
        static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        gmtime_r(&now.tv_sec, &tm);
        snprintf(loop->date, sizeof(loop->date), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
                 tm.tm_mday, months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
        loop->date_second = now.tv_sec;
    }
    return loop->date;
}

/* ---- beginning and end ---- */

static int fail(struct loop *loop, const char *what, const char *reason)
{
    log_error("event loop cannot be set up", "i:loop", (int64_t)loop->index, "s:what", what, "s:reason", reason);
    return -1;
}

static int init_handles(struct loop *loop)
{
    int rc;
    if ((rc = uv_poll_init(&loop->uv, &loop->poll, loop->listener)) < 0 ||
        (rc = uv_async_init(&loop->uv, &loop->wake, on_wake)) < 0)
        return rc;
    atomic_store_explicit(&loop->waiting_for_events, true, memory_order_relaxed); /* until it runs */
    uv_timer_init(&loop->uv, &loop->timeouts);
    uv_timer_init(&loop->uv, &loop->rest);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    loop->poll.data = loop->timeouts.data = loop->rest.data = loop->prepare.data = loop->check.data = loop->wake.data =
        loop;
    loop_accept_again(loop);
    if ((rc = uv_timer_start(&loop->timeouts, on_timeouts, TIMEOUTS_MS, TIMEOUTS_MS)) < 0 ||
        (rc = uv_prepare_start(&loop->prepare, on_prepare)) < 0)
        return rc;
    return uv_check_start(&loop->check, on_check);
}

static int start_watch(struct loop *loop)
{
    char name[12];
    snprintf(name, sizeof(name), "%u", loop->index);
    if (!metrics_registry())
        return 0;
    return promc_uv_start(&loop->watch, metrics_registry(), &loop->uv,
                          &(promc_uv_settings){.loop = name, .on_lag = on_lag, .user = loop});
}

int loop_init(struct loop *loop)
{
    int rc = uv_loop_init(&loop->uv);
    if (rc < 0)
        return fail(loop, "uv_loop_init", uv_strerror(rc));
    loop->uv.data = loop;
    loop->auth = auth_cache_create();
    if (!loop->auth)
        return fail(loop, "auth_cache_create", "no memory");
    request_ids_init(&loop->ids);
    if ((rc = init_handles(loop)) < 0)
        return fail(loop, "uv handles", uv_strerror(rc));
    if ((rc = start_watch(loop)) < 0)
        return fail(loop, "promc_uv_start", promc_strerror(rc));
    return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void *run(void *arg)
{
    struct loop *loop = arg;
    char name[16];
    snprintf(name, sizeof(name), "loop-%u", loop->index);
    pthread_setname_np(pthread_self(), name);
    atomic_store_explicit(&loop->waiting_for_events, false, memory_order_seq_cst);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    log_buffer_flush(&loop->log);
    atomic_store_explicit(&loop->ended, true, memory_order_release);
    return NULL;
}

int loop_start(struct loop *loop)
{
    int rc = pthread_create(&loop->thread, NULL, run, loop);
    return rc == 0 ? 0 : fail(loop, "pthread_create", strerror(rc));
}

void loop_destroy(struct loop *loop)
{
    /* no other thread owns an exchange: a loop ends only when nothing is in flight */
    loop->owner->close_all(loop);
    if (loop->listener >= 0)
        close(loop->listener);
    log_buffer_flush(&loop->log);
    if (loop->uv.data) {
        promc_uv_stop(loop->watch);
        uv_walk(&loop->uv, close_handle, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        (void)uv_loop_close(&loop->uv);
    }
    auth_cache_destroy(loop->auth);
}
