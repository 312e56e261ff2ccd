/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not done on the loop. The connection is suspended meanwhile; the other thread has the exchange to itself and
 * hands it back through the loop's mailbox. Submitting before suspending is safe: the mail is delivered on this loop,
 * later.
 */
#include "http/exchange.h"

#include "app.h"
#include "base/settings.h"
#include "data/organisations.h"
#include "http/refuse.h"
#include "http/store_error.h"

#include <string.h>

static struct exchange *of_work(struct store_work *work)
{
    return (struct exchange *)((char *)work - offsetof(struct exchange, work));
}

static void suspend(struct exchange *exchange)
{
    exchange->phase = EXCHANGE_WAITING;
    exchange->deadline_ns = 0; /* the store has a deadline of its own */
    MHD_suspend_connection(exchange_connection(exchange)->mhd);
}

static void resume(struct exchange *exchange, enum exchange_phase phase)
{
    exchange->phase = phase;
    MHD_resume_connection(exchange_connection(exchange)->mhd);
}

static void post(struct exchange *exchange, void (*deliver)(struct loop_mail *mail))
{
    exchange->mail.deliver = deliver;
    loop_post(exchange_connection(exchange)->loop, &exchange->mail);
}

/* ---- whose key is it -------------------------------------------------------------------------------------------- */

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

/** On the loop: known, unknown, or not to be found out. */
static void deliver_key(struct loop_mail *mail)
{
    struct exchange *exchange = exchange_of_mail(mail);
    struct request *req = &exchange->req;
    struct connection *connection = exchange_connection(exchange);
    exchange->deadline_ns =
        promc_now_ns() + req->app->settings->request_timeout_s * UINT64_C(1000000000); /* the body starts now */
    exchange->auth_pending = false;
    if (req->status == 0) {
        bool known = req->organisation_id[0] != '\0';
        auth_cache_put(connection->loop->auth, exchange->key_hash, known ? req->organisation_id : NULL,
                       exchange->work.submitted_ns);
        if (!known)
            refuse_key(exchange, "The API key is not known.");
        else
            refuse_rate(exchange);
    }
    resume(exchange, EXCHANGE_KEYED);
}

static void key_found(struct store_work *work, int result)
{
    struct exchange *exchange = of_work(work);
    if (result < 0)
        (void)respond_store_error(&exchange->req, result, NULL);
    post(exchange, deliver_key);
}

bool exchange_ask_key(struct exchange *exchange)
{
    exchange->work = (struct store_work){.mode = STORE_MODE_READ, .run = find_key, .done = key_found};
    int rc = store_submit(exchange->req.app->store, &exchange->work);
    if (rc < 0) {
        (void)respond_store_error(&exchange->req, rc, NULL);
        return false;
    }
    suspend(exchange);
    return true;
}

/* ---- the handler ------------------------------------------------------------------------------------------------ */

static void deliver_answer(struct loop_mail *mail)
{
    resume(exchange_of_mail(mail), EXCHANGE_ANSWER);
}

static int execute(struct store_work *work, struct db *db)
{
    struct request *req = &of_work(work)->req;
    int status = req->route->execute(req, db);
    return status < 400 ? 0 : 1; /* 1: rolled back, the answer stands */
}

static void executed(struct store_work *work, int result)
{
    struct exchange *exchange = of_work(work);
    struct request *req = &exchange->req;
    if (result < 0)
        (void)respond_store_error(req, result, NULL);
    else if (result == 0 && req->committed)
        req->committed(req);
    post(exchange, deliver_answer);
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
    resume(exchange, EXCHANGE_ANSWER);
    loop_pump(exchange_connection(exchange)->loop);
}

static bool submit(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    const struct route *route = req->route;
    if (route->store == STORE_NONE) {
        exchange->background.data = exchange;
        return uv_queue_work(&exchange_connection(exchange)->loop->uv, &exchange->background, run_background,
                             background_done) == 0;
    }
    exchange->work = (struct store_work){
        .mode = route->store == STORE_WRITE ? STORE_MODE_WRITE : STORE_MODE_READ, .run = execute, .done = executed};
    int rc = store_submit(req->app->store, &exchange->work);
    if (rc < 0)
        (void)respond_store_error(req, rc, NULL);
    return rc == 0;
}

void exchange_run(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    const struct route *route = req->route;
    exchange->phase = EXCHANGE_ANSWER;
    if (route->prepare && route->prepare(req) != 0)
        return;
    if ((route->store == STORE_NONE ? route->background != NULL : route->execute != NULL) && submit(exchange))
        suspend(exchange);
}
