/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: from accept to close, and the deadlines that libmicrohttpd does not know. */
#include "http/exchange.h"

#include "app.h"
#include "base/settings.h"
#include "http/tcp_sent.h"

#include <stdlib.h>
#include <sys/socket.h>

static void opened(struct loop *loop, struct MHD_Connection *mhd, void **context)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    *context = connection;
    if (!connection) {
        /* without a context nothing can be asked on it */
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    connection->loop = loop;
    connection->mhd = mhd;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection->idle_since_ns = promc_now_ns();
    connection->exchange.body.file = -1;
    connection->next = loop->connections;
    if (loop->connections)
        loop->connections->previous = connection;
    loop->connections = connection;
    loop->connection_count++;
}

/**
 * A request line that the daemon could not read reaches no callback of ours; it answers 400 or 505 and closes. The
 * kernel knows whether anything was sent on a connection on which we never answered.
 */
static void count_unreadable(const struct connection *connection)
{
    /* with TLS the handshake alone sends: what it was that failed cannot be told */
    bool tls = connection->loop->app->settings->tls_cert[0] != '\0';
    if (connection->used || tls || tcp_bytes_sent(connection->fd) == 0)
        return;
    promc_http_token token = {0};
    promc_http_begin(metrics_http(), &token);
    token.start_ns = connection->idle_since_ns;
    promc_http_end(&token, NULL, PROMC_HTTP_OTHER, 400, 0, 0);
}

static void closed(struct loop *loop, struct connection *connection)
{
    count_unreadable(connection);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        loop->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    loop->connection_count--;
    free(connection);
}

void connection_on_notify(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        opened(cls, mhd, context);
    else if (*context)
        closed(cls, *context);
}

static bool is_late(const struct connection *connection, const struct settings *settings, uint64_t now_ns)
{
    const struct exchange *exchange = &connection->exchange;
    if (exchange->phase != EXCHANGE_NONE)
        return exchange->deadline_ns && now_ns > exchange->deadline_ns;
    /* the daemon's own time-out counts from the last byte: a request line that comes a byte a second never meets it */
    uint64_t allowed = (uint64_t)settings->idle_timeout_s + settings->request_timeout_s;
    return now_ns - connection->idle_since_ns > allowed * UINT64_C(1000000000) && now_ns > connection->idle_since_ns;
}

void connection_sweep(struct loop *loop, uint64_t now_ns)
{
    uint64_t drain = atomic_load_explicit(&loop->drain_deadline_ns, memory_order_relaxed);
    bool cut_all = loop->draining && now_ns > drain;
    for (struct connection *connection = loop->connections; connection; connection = connection->next) {
        /* a suspended connection is the store's: it comes back by itself */
        if (connection->exchange.phase == EXCHANGE_WAITING)
            continue;
        if (cut_all || is_late(connection, loop->app->settings, now_ns))
            shutdown(connection->fd, SHUT_RDWR);
    }
}

void connection_close_idle(struct loop *loop)
{
    /* what the kernel has already received can still be read, and is answered; then the daemon sees the end */
    for (struct connection *connection = loop->connections; connection; connection = connection->next) {
        if (connection->exchange.phase == EXCHANGE_NONE)
            shutdown(connection->fd, SHUT_RD);
    }
}
