/* SPDX-License-Identifier: Apache-2.0 */
#include "http/loop.h"

#include "app.h"
#include "base/settings.h"
#include "http/exchange.h"
#include "http/tls.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUTS_MS 250
#define LAG_MS 10
/* a few more runs at once are cheaper than a turn of the loop */
#define RUNS_PER_TURN 4
/* after so many runs in which no handler was called, the daemon is waiting for somebody and only does not know it */
#define IDLE_ROUNDS_MAX 32
#define PAUSE_MS 2
#define REST_MS 1
#define SECOND UINT64_C(1000000000)
/* connections whose memory is worth giving back when they are gone */
#define CROWD 256
/* a drained loop gives its idle connections this long to go by themselves */
#define DRAINED_GRACE_NS (SECOND / 4)

/* ---- the daemon ------------------------------------------------------------------------------------------------- */

static bool has_work(const struct loop *loop)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    return MHD_get_timeout(loop->daemon, &timeout) == MHD_YES && timeout == 0;
}

static void on_idle(uv_idle_t *idle)
{
    loop_pump(idle->data);
}

static void on_pause(uv_timer_t *timer)
{
    loop_pump(timer->data);
}

void loop_pump(struct loop *loop)
{
    bool more = true;
    for (int run = 0; run < RUNS_PER_TURN && more; run++) {
        loop->progress = false;
        MHD_run(loop->daemon);
        loop->idle_rounds = loop->progress ? 0 : loop->idle_rounds + 1;
        more = has_work(loop);
    }
    if (!more) {
        loop->idle_rounds = 0;
        uv_idle_stop(&loop->idle);
        uv_timer_stop(&loop->pause);
    } else if (loop->idle_rounds < IDLE_ROUNDS_MAX) {
        uv_timer_stop(&loop->pause);
        uv_idle_start(&loop->idle, on_idle);
    } else {
        /* without this an endless chunk-size line keeps a core busy */
        uv_idle_stop(&loop->idle);
        uv_timer_start(&loop->pause, on_pause, PAUSE_MS, 0);
    }
}

static void on_events(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    loop_pump(poll->data);
}

/* ---- what other threads want ------------------------------------------------------------------------------------ */

void loop_post(struct loop *loop, struct loop_mail *mail)
{
    struct loop_mail *head = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);
    do {
        mail->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&loop->mailbox, &head, mail, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (!head)
        uv_async_send(&loop->wake); /* the loop takes all there is, so one call for the first is enough */
}

static void deliver_all(struct loop *loop, struct loop_mail *mail)
{
    if (!mail)
        return;
    while (mail) {
        struct loop_mail *next = mail->next;
        mail->deliver(mail);
        mail = next;
    }
    loop_pump(loop);
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
    deliver_all(loop, oldest);
}

static void on_rest(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    struct loop_mail *mail = loop->later;
    loop->later = NULL;
    deliver_all(loop, mail);
}

void loop_post_later(struct loop *loop, struct loop_mail *mail)
{
    mail->next = loop->later;
    loop->later = mail;
    if (!uv_is_active((uv_handle_t *)&loop->rest))
        uv_timer_start(&loop->rest, on_rest, REST_MS, 0);
}

static void close_listener(struct loop *loop)
{
    /* take in what the kernel has accepted for us: a closed listener resets those connections */
    MHD_run(loop->daemon);
    (void)MHD_quiesce_daemon(loop->daemon);
    if (loop->listener >= 0)
        close(loop->listener);
    loop->listener = -1;
}

static void begin_drain(struct loop *loop)
{
    loop->draining = true;
    close_listener(loop);
    connection_close_idle(loop);
    loop_pump(loop);
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

void loop_settle(const struct loop *loop, uint64_t until_ns)
{
    const struct timespec nap = {.tv_nsec = 50000};
    uint64_t turn = atomic_load_explicit(&loop->turns, memory_order_acquire);
    while (!atomic_load_explicit(&loop->waiting_for_events, memory_order_acquire) &&
           atomic_load_explicit(&loop->turns, memory_order_acquire) == turn && promc_now_ns() < until_ns)
        nanosleep(&nap, NULL);
}

/* ---- a turn ----------------------------------------------------------------------------------------------------- */

/** Nothing is under way, and idle connections had their chance to say good-bye. */
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

/** Last thing before the loop waits. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    log_buffer_flush(&loop->log);
    if (is_drained(loop))
        uv_stop(&loop->uv);
    atomic_fetch_add_explicit(&loop->turns, 1, memory_order_release);
    atomic_store_explicit(&loop->waiting_for_events, true, memory_order_release);
}

/** First thing after it waited. */
static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;
    atomic_store_explicit(&loop->waiting_for_events, false, memory_order_seq_cst);
}

static void on_lag(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    uint64_t now = promc_now_ns();
    if (loop->lag_due_ns)
        metrics_loop_lag(loop->index, now > loop->lag_due_ns ? (double)(now - loop->lag_due_ns) / 1e9 : 0);
    loop->lag_due_ns = now + LAG_MS * UINT64_C(1000000);
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

/** After a crowd has gone malloc keeps what its connections had: give it back, off the loop. */
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
    uint64_t idle = uv_metrics_idle_time(&loop->uv), elapsed = now_ns - loop->second_ns;
    if (loop->second_ns)
        metrics_loop_utilization(loop->index, 1.0 - (double)(idle - loop->idle_time_ns) / (double)elapsed);
    loop->second_ns = now_ns;
    loop->idle_time_ns = idle;
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
    connection_sweep(loop, now);
    loop_pump(loop);
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

static size_t leave_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text); /* decoded by the router, where %2F and %00 can be told from / and the end */
}

static void on_daemon_log(void *cls, const char *format, va_list arguments)
{
    char line[512];
    (void)cls;
    if (!log_enabled(LOG_DEBUG))
        return;
    int n = vsnprintf(line, sizeof(line), format, arguments);
    while (n > 0 && (size_t)n < sizeof(line) && line[n - 1] == '\n')
        line[--n] = '\0';
    log_debug("libmicrohttpd", "s:text", line);
}

static struct MHD_Daemon *start_daemon(struct loop *loop)
{
    const struct settings *settings = loop->app->settings;
    loop->in_place = strncmp(MHD_get_version(), "0.9.", 4) == 0;
    /* a head somewhat past its limit must still fit, so that the answer is ours; not more, since the daemon zeroes it
     * all for each request */
    size_t memory = settings->max_header_bytes + 4096;
    bool tls = settings->tls_cert[0] != '\0';
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)tls_retrieve},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0), 0,
                            NULL, NULL, exchange_on_request, loop, MHD_OPTION_EXTERNAL_LOGGER, on_daemon_log,
                            NULL, /* first, so that it gets what the other options have to say */
                            MHD_OPTION_ARRAY, tls ? secure : plain, MHD_OPTION_LISTEN_SOCKET, loop->listener,
                            MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_CONNECTION_LIMIT, loop->max_connections,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, MHD_OPTION_CONNECTION_TIMEOUT,
                            settings->idle_timeout_s, MHD_OPTION_STRICT_FOR_CLIENT, loop->in_place ? 0 : 1,
                            MHD_OPTION_URI_LOG_CALLBACK, exchange_on_uri, loop, MHD_OPTION_UNESCAPE_CALLBACK,
                            leave_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, loop,
                            MHD_OPTION_NOTIFY_CONNECTION, connection_on_notify, loop, MHD_OPTION_END);
}

static int fail(struct loop *loop, const char *what, const char *reason)
{
    log_error("event loop cannot be set up", "i:loop", (int64_t)loop->index, "s:what", what, "s:reason", reason);
    return -1;
}

static int init_handles(struct loop *loop)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int rc;
    if ((rc = uv_poll_init(&loop->uv, &loop->poll, info->epoll_fd)) < 0 ||
        (rc = uv_async_init(&loop->uv, &loop->wake, on_wake)) < 0)
        return rc;
    atomic_store_explicit(&loop->waiting_for_events, true, memory_order_relaxed); /* nothing is done before it runs */
    uv_idle_init(&loop->uv, &loop->idle);
    uv_timer_init(&loop->uv, &loop->pause);
    uv_timer_init(&loop->uv, &loop->timeouts);
    uv_timer_init(&loop->uv, &loop->lag);
    uv_timer_init(&loop->uv, &loop->rest);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    loop->poll.data = loop->idle.data = loop->pause.data = loop->timeouts.data = loop->lag.data = loop->rest.data =
        loop->prepare.data = loop->check.data = loop->wake.data = loop;
    if ((rc = uv_poll_start(&loop->poll, UV_READABLE, on_events)) < 0 ||
        (rc = uv_timer_start(&loop->timeouts, on_timeouts, TIMEOUTS_MS, TIMEOUTS_MS)) < 0 ||
        (metrics_registry() && (rc = uv_timer_start(&loop->lag, on_lag, LAG_MS, LAG_MS)) < 0) ||
        (rc = uv_prepare_start(&loop->prepare, on_prepare)) < 0)
        return rc;
    return uv_check_start(&loop->check, on_check);
}

int loop_init(struct loop *loop)
{
    int rc = uv_loop_init(&loop->uv);
    if (rc < 0)
        return fail(loop, "uv_loop_init", uv_strerror(rc));
    loop->uv.data = loop;
    (void)uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME);
    loop->auth = auth_cache_create();
    if (!loop->auth)
        return fail(loop, "auth_cache_create", "no memory");
    request_ids_init(&loop->ids);
    loop->daemon = start_daemon(loop);
    if (!loop->daemon) {
        loop->listener = -1; /* closed by the attempt */
        return fail(loop, "MHD_start_daemon", strerror(errno));
    }
    if ((rc = init_handles(loop)) < 0)
        return fail(loop, "uv handles", uv_strerror(rc));
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
    loop_pump(loop); /* only MHD_run adds the listener to the daemon's epoll set */
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
    /* nothing is suspended: a loop ends only when nothing is in flight. Closes the listener, if it is still open. */
    if (loop->daemon)
        MHD_stop_daemon(loop->daemon);
    else if (loop->listener >= 0)
        close(loop->listener);
    log_buffer_flush(&loop->log);
    if (loop->uv.data) {
        uv_walk(&loop->uv, close_handle, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        (void)uv_loop_close(&loop->uv);
    }
    auth_cache_destroy(loop->auth);
}
