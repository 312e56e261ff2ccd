/* SPDX-License-Identifier: Apache-2.0 */
#include "http/exchange_work.h"

#include "base/app.h"
#include "base/settings.h"
#include "data/organisations.h"
#include "http/idempotency.h"
#include "http/store_error.h"
#include "metrics/metrics.h"

#include <string.h>

/* A request that works in slices waits this long for each next slice, longer than a new request waits for its first. */
#define SLICES_PATIENCE_NS (60 * UINT64_C(1000000000))

static struct exchange *of_work(struct store_work *work)
{
    return (struct exchange *)((char *)work - offsetof(struct exchange, work));
}

static void deliver(struct loop_mail *mail)
{
    struct exchange *exchange = exchange_of_mail(mail);
    exchange->then(exchange);
}

static void post(struct exchange *exchange)
{
    exchange->mail.deliver = deliver;
    loop_post(exchange->loop, &exchange->mail);
}

/*
 * The work may finish before the connection is in PHASE_WAIT. That is safe: its result is delivered on this loop, after
 * the current callback has returned.
 */
static bool submit_to_store(struct exchange *exchange)
{
    int rc = store_submit(exchange->req.app->store, &exchange->work);
    if (rc < 0)
        (void)respond_store_error(&exchange->req, rc, NULL);
    return rc == 0;
}

/* ---- the key's organisation ---- */

static int find_key(struct store_work *work, struct db *db)
{
    struct exchange *exchange = of_work(work);
    int rc = organisations_find_by_key(db, exchange->key_hash, exchange->req.organisation_id);
    if (rc == DB_E_NOT_FOUND) {
        exchange->req.organisation_id[0] = '\0';
        return 0;
    }
    return rc;
}

static void key_found(struct store_work *work, int result)
{
    struct exchange *exchange = of_work(work);
    if (result < 0)
        (void)respond_store_error(&exchange->req, result, NULL);
    else
        metrics_organisation(exchange->req.organisation_id, exchange->req.app->settings->role);
    post(exchange);
}

bool exchange_find_key(struct exchange *exchange, void (*then)(struct exchange *exchange))
{
    exchange->then = then;
    exchange->work = (struct store_work){.mode = STORE_MODE_READ, .run = find_key, .done = key_found};
    return submit_to_store(exchange);
}

/* ---- the handler ---- */

static int execute(struct store_work *work, struct db *db)
{
    struct request *req = &of_work(work)->req;
    bool writes = work->mode == STORE_MODE_WRITE;
    int status = idempotency_before(req, db, writes);
    if (status == 0)
        status = idempotency_after(req, db, writes, req->route->execute(req, db));
    return status < 400 ? 0 : 1; /* 1: roll back, and send the handler's answer */
}

static void executed(struct store_work *work, int result)
{
    struct exchange *exchange = of_work(work);
    struct request *req = &exchange->req;
    if (result == 0 && req->next != REQUEST_LAST) {
        if (req->slice_committed)
            req->slice_committed(req);
        work->mode = req->next == REQUEST_WRITES_NEXT ? STORE_MODE_WRITE : STORE_MODE_READ;
        work->deadline_ns = promc_now_ns() + SLICES_PATIENCE_NS;
        req->next = REQUEST_LAST;
        if (submit_to_store(exchange))
            return;
    } else if (result < 0) {
        (void)respond_store_error(req, result, NULL);
    } else if (result == 0 && req->committed) {
        req->committed(req);
    }
    post(exchange);
}

static void run_background(uv_work_t *work)
{
    struct exchange *exchange = work->data;
    exchange->req.route->background(&exchange->req);
}

static void background_done(uv_work_t *work, int status)
{
    struct exchange *exchange = work->data;
    (void)status;
    exchange->then(exchange);
}

bool exchange_run(struct exchange *exchange, void (*then)(struct exchange *exchange))
{
    struct request *req = &exchange->req;
    const struct route *route = req->route;
    if (route->prepare && route->prepare(req) != 0)
        return false;
    exchange->then = then;
    if (route->store == STORE_NONE) {
        exchange->background.data = exchange;
        return route->background &&
               uv_queue_work(&exchange->loop->uv, &exchange->background, run_background, background_done) == 0;
    }
    exchange->work = (struct store_work){
        .mode = route->store == STORE_WRITE ? STORE_MODE_WRITE : STORE_MODE_READ, .run = execute, .done = executed};
    return route->execute && submit_to_store(exchange);
}
