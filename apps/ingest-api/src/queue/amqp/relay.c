/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch goes through three steps:
 *   take     (commit)  the relay leases due rows
 *   publish            it publishes all of them, then waits once for all confirms
 *   relayed  (commit)  confirmed rows belong to the broker, the others are in the outbox again
 *
 * If the process is killed in between, its rows are free again as soon as another process notices, or when the lease
 * ends. They are then published a second time, which is harmless (outbox.h).
 */
#include "queue/amqp/relay.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "queue/amqp/thread.h"
#include "queue/jobs.h"
#include "queue/outbox.h"
#include "queue/queue_internal.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define BATCH 256
#define LEASE_MS 30000
#define CONFIRM_MS 10000
#define SLICE_S 1      /* longest single wait for a frame, so that `blocked` is seen and CONFIRM_MS starts again */
#define TROUBLE_MS 500 /* pause after an error of the store, or after the broker refused a message */
#define REST_MS 1000   /* pause of a queue that gave no confirms; doubles up to REST_MAX_MS */
#define REST_MAX_MS 60000
#define CHANNEL 1
/*
 * The broker serves a queue first in, first out, whatever the organisation. So it gets only about as many jobs as
 * workers take in WAIT_MS. The others wait in the outbox, where another organisation's job can still go first. The
 * limit (`window`) adapts: it is doubled if most of the jobs are gone at the next look, and halved if one has
 * waited longer than WAIT_MS.
 */
#define WAIT_MS 1000
#define WINDOW_MIN 8
#define WINDOW_MAX 4096

struct returned {
    struct returned *next;
    const char *owner;
    struct job job; /* without payload */
};

struct amqp_relay {
    struct queue *queue;
    struct amqp_link link;
    char owner[OWNER_SIZE];
    uint64_t published; /* delivery tags assigned on this channel */
    struct outbox_row rows[BATCH];
    int n, room;                   /* rows in use; rows that may be taken, at most BATCH */
    enum queue_name name;          /* of the rows */
    bool refused;                  /* in this round the broker refused a message */
    int window[QUEUES];            /* most jobs at the broker, see WAIT_MS */
    atomic_bool held_back[QUEUES]; /* more jobs wait than the window allows: look again when a worker takes one */
    struct {
        uint64_t until_ns; /* publish nothing to this queue until then, so that it does not delay the others */
        unsigned failures; /* in a row */
    } rest[QUEUES];

    struct amqp_thread thread; /* its lock guards the rest */
    struct returned *returned;
};

/* ---- publishing ---- */

static int publish_one(struct amqp_relay *relay, const struct job *job)
{
    amqp_table_entry_t organisation = {
        .key = amqp_cstring_bytes("organisation_id"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(job->organisation_id)},
    };
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                  AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_APP_ID_FLAG | AMQP_BASIC_HEADERS_FLAG |
                  (*job->request_id ? AMQP_BASIC_CORRELATION_ID_FLAG : 0),
        .content_type = amqp_cstring_bytes("application/json"),
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .message_id = amqp_cstring_bytes(job->id),
        .correlation_id = amqp_cstring_bytes(job->request_id),
        .timestamp = (uint64_t)job->created_ms / 1000,
        .app_id = amqp_cstring_bytes("ingest-api"),
        .headers = {.num_entries = 1, .entries = &organisation},
    };
    return promc_amqp_basic_publish(relay->link.metrics, relay->link.state, CHANNEL, amqp_empty_bytes,
                                    amqp_cstring_bytes(queue_names[job->queue]), 1, 0, &properties,
                                    amqp_cstring_bytes(job->payload));
}

/* Apply a confirm to its rows; `first` is the tag of row 0. @return how many rows this settled. */
static int confirm(struct amqp_relay *relay, uint64_t first, uint64_t tag, bool multiple, bool good, bool *answered)
{
    int settled = 0;
    for (uint64_t at = multiple ? first : tag; at >= first && at <= tag && at - first < (uint64_t)relay->n; at++) {
        uint64_t row = at - first;
        if (answered[row])
            continue;
        answered[row] = true;
        /* a returned message has set `confirmed` to false before */
        relay->rows[row].confirmed = good && relay->rows[row].confirmed;
        settled++;
    }
    return settled;
}

/* A message that no queue accepted is returned before it is confirmed: the queue was deleted. */
static void on_return(struct amqp_relay *relay)
{
    amqp_message_t message;
    amqp_rpc_reply_t reply = amqp_read_message(relay->link.state, CHANNEL, &message, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        amqp_link_lost_reply(&relay->link, "a returned message", reply);
        return;
    }
    for (int i = 0; i < relay->n; i++) {
        const char *id = relay->rows[i].job.id;
        if (message.properties.message_id.len == strlen(id) &&
            memcmp(message.properties.message_id.bytes, id, strlen(id)) == 0)
            relay->rows[i].confirmed = false;
    }
    amqp_destroy_message(&message);
}

/* @return how many rows the frame settled; the link may be lost by it. */
static int on_frame(struct amqp_relay *relay, const amqp_frame_t *frame, uint64_t first, bool *answered, bool *back)
{
    const void *decoded = frame->payload.method.decoded;
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    switch (frame->payload.method.id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = decoded;
        return confirm(relay, first, ack->delivery_tag, ack->multiple, true, answered);
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = decoded;
        return confirm(relay, first, nack->delivery_tag, nack->multiple, false, answered);
    }
    case AMQP_BASIC_RETURN_METHOD:
        *back = true;
        on_return(relay);
        return 0;
    default:
        amqp_link_unexpected(&relay->link, frame);
        return 0;
    }
}

static uint64_t confirm_deadline(void)
{
    return clock_monotonic_ns() + CONFIRM_MS * UINT64_C(1000000);
}

/*
 * The queue may have lost its leader. Reopen the link, because nobody knows which confirms may still arrive on
 * it, and let the queue rest.
 */
static void no_confirms(struct amqp_relay *relay)
{
    char what[64];
    unsigned failures = relay->rest[relay->name].failures++;
    int64_t rest = failures < 6 ? (int64_t)REST_MS << failures : REST_MAX_MS;
    relay->rest[relay->name].until_ns = clock_monotonic_ns() + (uint64_t)rest * 1000000u;
    (void)snprintf(what, sizeof(what), "waiting for confirms of %s", queue_names[relay->name]);
    amqp_link_lost_status(&relay->link, what, AMQP_STATUS_TIMEOUT);
}

static void wait_for_confirms(struct amqp_relay *relay, uint64_t first, int waiting)
{
    bool answered[BATCH] = {0}, back = false;
    uint64_t end = confirm_deadline();
    while (waiting > 0 && relay->link.state) {
        amqp_frame_t frame;
        struct timeval limit = {.tv_sec = SLICE_S};
        if (relay->link.blocked) /* keep the connection: on another one its messages would be delivered twice */
            end = confirm_deadline();
        int rc = amqp_simple_wait_frame_noblock(relay->link.state, &frame, &limit);
        if (rc == AMQP_STATUS_TIMEOUT && clock_monotonic_ns() < end)
            continue;
        if (rc == AMQP_STATUS_TIMEOUT) {
            no_confirms(relay);
            break;
        }
        if (rc != AMQP_STATUS_OK) {
            amqp_link_lost_status(&relay->link, "waiting for confirms", rc);
            break;
        }
        (void)promc_amqp_frame(relay->link.metrics, &frame);
        int settled = on_frame(relay, &frame, first, answered, &back);
        if (settled > 0)
            relay->rest[relay->name].failures = 0;
        waiting -= settled;
        if (relay->link.state)
            amqp_maybe_release_buffers(relay->link.state);
    }
    for (int i = 0; i < relay->n; i++)
        relay->rows[i].confirmed = relay->rows[i].confirmed && answered[i];
    if (back && relay->link.state) /* reconnecting declares the queue again */
        amqp_link_lost(&relay->link, "a message was returned: its queue does not exist");
}

static void publish(struct amqp_relay *relay)
{
    uint64_t first = relay->published + 1;
    int sent = 0, rc = AMQP_STATUS_OK;
    for (; sent < relay->n; sent++) {
        rc = publish_one(relay, &relay->rows[sent].job);
        if (rc != AMQP_STATUS_OK)
            break;
        relay->rows[sent].confirmed = true; /* on_return() and wait_for_confirms() clear it */
        relay->published++;
    }
    if (rc != AMQP_STATUS_OK) {
        amqp_link_lost_status(&relay->link, "publishing", rc);
        for (int i = 0; i < sent; i++)
            relay->rows[i].confirmed = false;
        return;
    }
    wait_for_confirms(relay, first, sent);
}

/* ---- the store's side ---- */

static int run_take(void *arg, struct db *db)
{
    struct amqp_relay *relay = arg;
    int rc = outbox_take(db, relay->name, relay->owner, LEASE_MS, relay->rows, relay->room);
    relay->n = rc > 0 ? rc : 0;
    return rc < 0 ? rc : 0;
}

static int run_relayed(void *arg, struct db *db)
{
    struct amqp_relay *relay = arg;
    return outbox_relayed(db, relay->owner, relay->rows, relay->n);
}

struct expire_call {
    enum queue_name name;
    unsigned retried;
};

static int run_expire(void *arg, struct db *db)
{
    struct expire_call *call = arg;
    return outbox_expire(db, call->name, &call->retried);
}

struct look_call {
    enum queue_name name;
    struct jobs_look look;
    int handed;
};

static int run_look(void *arg, struct db *db)
{
    struct look_call *call = arg;
    int rc = jobs_look(db, call->name, &call->look);
    bool any = rc == DB_OK && call->look.handed_ms != INT64_MAX;
    call->handed = any ? outbox_handed(db, call->name, WINDOW_MAX) : 0;
    return call->handed < 0 ? call->handed : rc;
}

static void release_rows(struct amqp_relay *relay)
{
    for (int i = 0; i < relay->n; i++)
        job_release(&relay->rows[i].job);
    relay->n = 0;
}

static void count(struct amqp_relay *relay)
{
    uint64_t fresh = 0;
    for (int i = 0; i < relay->n; i++) { /* a retry does not count as another message */
        fresh += relay->rows[i].confirmed && !relay->rows[i].job.again;
        relay->refused |= !relay->rows[i].confirmed;
    }
    if (fresh > 0)
        metrics_queue_messages(relay->name, QUEUE_PUBLISHED, fresh);
}

/* Publish one batch of one queue. @return 1: there may be more; 0; or a db_error. */
static int relay_batch(struct amqp_relay *relay, enum queue_name name)
{
    relay->name = name;
    int rc = store_run(relay->queue->store, STORE_MODE_WRITE, run_take, relay);
    if (rc != DB_OK) {
        release_rows(relay); /* taken, but not committed */
        return rc;
    }
    if (relay->n == 0)
        return 0;
    publish(relay);
    count(relay);
    bool more = relay->n == relay->room;
    /* if this fails, the lease ends and the rows are published again */
    rc = store_run(relay->queue->store, STORE_MODE_WRITE, run_relayed, relay);
    release_rows(relay);
    return rc != DB_OK ? rc : more;
}

static int expire_leases(struct amqp_relay *relay, enum queue_name name)
{
    struct expire_call expire = {.name = name};
    int rc = store_run(relay->queue->store, STORE_MODE_WRITE, run_expire, &expire);
    if (rc == DB_OK)
        queue_count_expired(name, &(struct jobs_expired){.retried = expire.retried});
    return rc;
}

/* @return how many more jobs may be given to the broker. */
static int room_at_broker(struct amqp_relay *relay, const struct look_call *call)
{
    int *window = &relay->window[call->name];
    if (call->handed > 0 && jobs_now_ms() - call->look.handed_ms > WAIT_MS)
        *window = *window / 2 > WINDOW_MIN ? *window / 2 : WINDOW_MIN;
    else if (call->handed <= *window / 4 && atomic_load(&relay->held_back[call->name]))
        *window = *window * 2 < WINDOW_MAX ? *window * 2 : WINDOW_MAX;
    int room = *window - call->handed;
    return room < 0 ? 0 : room < BATCH ? room : BATCH;
}

static int publish_some(struct amqp_relay *relay, const struct look_call *call)
{
    if (!relay->link.state || relay->link.blocked)
        return 0;
    relay->room = room_at_broker(relay, call);
    int rc = relay->room > 0 ? relay_batch(relay, call->name) : 1;
    /* set this before the next look: every job that a worker takes from now on wakes us */
    bool waits = rc > 0 && relay->room < BATCH;
    atomic_store(&relay->held_back[call->name], waits);
    return waits ? 0 : rc;
}

/* @return 1: there may be more to do now; 0: *due_ms is lowered to the time of the next work; or a db_error. */
static int relay_queue(struct amqp_relay *relay, enum queue_name name, int64_t *due_ms)
{
    struct look_call call = {.name = name};
    int64_t now = jobs_now_ms();
    int rc = store_run(relay->queue->store, STORE_MODE_READ, run_look, &call);
    struct jobs_look *look = &call.look;
    if (rc == DB_OK && look->lease_ms <= now) {
        rc = expire_leases(relay, name);
        look->ready_ms = now;
    }
    if (rc != DB_OK)
        return rc;
    int64_t ready = look->ready_ms != INT64_MAX ? now : look->delayed_ms;
    uint64_t mono = clock_monotonic_ns(), rested = relay->rest[name].until_ns;
    if (ready <= now && rested > mono)
        ready = now + (int64_t)((rested - mono) / 1000000u) + 1;
    if (ready <= now)
        return publish_some(relay, &call);
    if (ready < *due_ms)
        *due_ms = ready;
    if (look->lease_ms < *due_ms)
        *due_ms = look->lease_ms;
    return 0;
}

static int run_return(void *arg, struct db *db)
{
    const struct returned *returned = arg;
    return outbox_return(db, &returned->job, returned->owner);
}

/* Return the leases that workers gave up to the outbox now, before they end. @return 0 or a db_error. */
static int give_back(struct amqp_relay *relay)
{
    pthread_mutex_lock(&relay->thread.lock);
    struct returned *list = relay->returned;
    relay->returned = NULL;
    pthread_mutex_unlock(&relay->thread.lock);
    int rc = DB_OK;
    while (list && rc == DB_OK) {
        struct returned *next = list->next;
        rc = store_run(relay->queue->store, STORE_MODE_WRITE, run_return, list);
        if (rc != DB_OK)
            break;
        free(list);
        list = next;
    }
    while (list) { /* keep the rest for the next round */
        struct returned *next = list->next;
        pthread_mutex_lock(&relay->thread.lock);
        list->next = relay->returned;
        relay->returned = list;
        pthread_mutex_unlock(&relay->thread.lock);
        list = next;
    }
    return rc;
}

/* ---- the thread ---- */

/* Read the frames that arrive while nothing is published: heartbeats, or the broker's close. */
static void listen_to_broker(struct amqp_relay *relay)
{
    while (relay->link.state) {
        amqp_frame_t frame;
        int rc = amqp_simple_wait_frame_noblock(relay->link.state, &frame, &(struct timeval){0});
        if (rc == AMQP_STATUS_TIMEOUT)
            return;
        if (rc != AMQP_STATUS_OK) {
            amqp_link_lost_status(&relay->link, "the connection", rc);
            return;
        }
        if (frame.frame_type == AMQP_FRAME_METHOD)
            amqp_link_unexpected(&relay->link, &frame);
        if (relay->link.state)
            amqp_maybe_release_buffers(relay->link.state);
    }
}

static bool connect_relay(struct amqp_relay *relay)
{
    struct amqp_link *link = &relay->link;
    if (link->state)
        return true;
    if (!amqp_link_ready(link, CHANNEL))
        return false;
    relay->published = 0;
    (void)promc_amqp_confirm_select(link->metrics, link->state, CHANNEL);
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(link->state);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        amqp_link_lost_reply(link, "asking for confirms", reply);
    return link->state != NULL;
}

/* @return for how many milliseconds there is nothing to do. */
static int round_of_all(struct amqp_relay *relay)
{
    int64_t due = jobs_now_ms() + QUEUE_POLL_MS;
    bool more = false;
    relay->refused = false;
    int rc = give_back(relay);
    for (int i = 0; rc >= 0 && i < QUEUES; i++) {
        rc = relay_queue(relay, (enum queue_name)i, &due);
        more |= rc > 0;
    }
    if (rc < 0)
        return TROUBLE_MS;
    if (!relay->link.state)
        return amqp_link_backoff_ms(&relay->link);
    if (relay->refused)
        return TROUBLE_MS;
    int64_t wait = due - jobs_now_ms();
    return more || wait < 0 ? 0 : wait < QUEUE_POLL_MS ? (int)wait + 1 : QUEUE_POLL_MS;
}

static void *relay_main(void *arg)
{
    struct amqp_relay *relay = arg;
    prctl(PR_SET_NAME, "queue-relay");
    while (!amqp_thread_stopping(&relay->thread)) {
        (void)connect_relay(relay);
        int wait = round_of_all(relay);
        listen_to_broker(relay);
        if (wait > 0)
            amqp_link_wait(&relay->link, relay->thread.wake, wait);
    }
    (void)round_of_all(relay); /* jobs that the last workers gave back or published */
    amqp_link_close(&relay->link);
    amqp_thread_end(&relay->thread);
    return NULL;
}

bool amqp_relay_blocked(const struct amqp_relay *relay)
{
    return relay->link.blocked;
}

void amqp_relay_wake(struct amqp_relay *relay)
{
    amqp_thread_wake(&relay->thread);
}

void amqp_relay_taken(struct amqp_relay *relay, enum queue_name name)
{
    if (atomic_load(&relay->held_back[name]))
        amqp_thread_wake(&relay->thread);
}

void amqp_relay_return(struct amqp_relay *relay, const struct job *job)
{
    struct returned *returned = calloc(1, sizeof(*returned));
    if (!returned)
        return; /* its lease ends by itself */
    returned->job = *job;
    returned->owner = relay->queue->owner;
    returned->job.payload = NULL;
    returned->job.delivery = NULL;
    pthread_mutex_lock(&relay->thread.lock);
    returned->next = relay->returned;
    relay->returned = returned;
    pthread_mutex_unlock(&relay->thread.lock);
    amqp_relay_wake(relay);
}

int amqp_relay_start(struct amqp_relay **out, struct queue *queue, const struct amqp_target *target)
{
    struct amqp_relay *relay = calloc(1, sizeof(*relay));
    *out = NULL;
    if (!relay || amqp_thread_init(&relay->thread) < 0) {
        free(relay);
        log_error("cannot start the queue's relay: out of memory or descriptors", "s:component", "queue");
        return -1;
    }
    relay->queue = queue;
    for (int i = 0; i < QUEUES; i++)
        relay->window[i] = WINDOW_MIN;
    outbox_relay_owner(queue->owner, relay->owner);
    amqp_link_init(&relay->link, target, "relay", target->heartbeat_s);
    if (amqp_thread_start(&relay->thread, relay_main, relay) == 0) {
        *out = relay;
        return 0;
    }
    log_error("cannot start the queue's relay", "s:component", "queue");
    amqp_link_destroy(&relay->link);
    amqp_thread_destroy(&relay->thread);
    free(relay);
    return -1;
}

void amqp_relay_stop(struct amqp_relay *relay)
{
    if (!relay)
        return;
    amqp_thread_stop(&relay->thread, &relay->link);
    for (struct returned *list = relay->returned, *next; list; list = next) {
        next = list->next;
        free(list);
    }
    amqp_link_destroy(&relay->link);
    amqp_thread_destroy(&relay->thread);
    free(relay);
}
