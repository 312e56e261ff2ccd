/* SPDX-License-Identifier: Apache-2.0 */
#include "campaigns.h"
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAMPAIGNS_AT_A_TIME 4
/* A campaign for this many prospects keeps the workers busy for a while, so no other campaign starts beside it. */
#define LARGE 20000
#define PACE_SECONDS 600

enum step { UNUSED, CREATE, START, DRAFTS, AWAIT_DRAFTS, SEND, PAUSE, RESUME, AWAIT_EMAILS, COMPLETE };

struct campaign {
    enum step step;   /* the next step */
    bool waiting;     /* for the answer to the last step */
    double due;       /* time of the next step */
    double give_up;   /* when an AWAIT_ step stops waiting */
    json_int_t jobs;  /* enqueued by the last DRAFTS */
    json_int_t ready; /* drafts generated */
    char id[64];
};

struct campaigns {
    struct campaign list[CAMPAIGNS_AT_A_TIME];
    unsigned made;
    double next; /* when the next campaign may start */
    char last_id[64];
};

/* The second and third use fields that a few prospects do not have. The fourth uses one that no prospect has, with a default. */
static const char *const bodies[] = {
    "{\"name\": \"Spring\", \"subject_template\": \"Hello {{first_name}}\", \"body_template\": \"Dear {{ first_name }} "
    "{{last_name}},\\n\\ndo you ship to {{country}}?\\n\"}",
    "{\"name\": \"By company\", \"subject_template\": \"{{company}} and us\", \"body_template\": \"Hello "
    "{{first_name}}, "
    "as {{title}} of {{company}} you will like this.\\n\"}",
    "{\"name\": \"By phone\", \"subject_template\": \"May we call?\", \"body_template\": \"{{first_name}}, may we call "
    "{{phone}} tomorrow?\\n\"}",
    "{\"name\": \"Colours\", \"subject_template\": \"Your favourite\", \"body_template\": \"Is it still "
    "{{favourite_colour | default: \\\"green\\\"}}?\\n\"}",
};

struct campaigns *campaigns_new(void)
{
    return calloc(1, sizeof(struct campaigns));
}

void campaigns_free(struct campaigns *campaigns)
{
    free(campaigns);
}

const char *campaigns_any(struct traffic *traffic)
{
    return *traffic->campaigns->last_id ? traffic->campaigns->last_id : NULL;
}

static void advance(struct traffic *traffic, struct campaign *c, enum step step, double delay)
{
    c->step = step;
    c->due = traffic->now + delay;
    c->give_up = traffic->now + 120;
}

static bool created(struct traffic *traffic, void *arg, int status, json_t *answer)
{
    struct campaign *c = arg;
    const char *id = json_string_value(json_object_get(answer, "id"));
    (void)status;
    c->waiting = false;
    if (!id)
        return false;
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    memcpy(traffic->campaigns->last_id, c->id, sizeof(c->id));
    advance(traffic, c, START, 0.5);
    return true;
}

static bool stepped(struct traffic *traffic, void *arg, int status, json_t *answer)
{
    struct campaign *c = arg;
    (void)status;
    c->waiting = false;
    switch (c->step) {
    case START:
        advance(traffic, c, DRAFTS, 0.5);
        break;
    case DRAFTS:
        c->jobs = json_integer_value(json_object_get(answer, "enqueued"));
        if (c->jobs >= LARGE)
            traffic->campaigns->next = traffic->now + PACE_SECONDS;
        advance(traffic, c, AWAIT_DRAFTS, 1);
        return c->jobs > 0;
    case SEND:
        advance(traffic, c, PAUSE, 1);
        break;
    case PAUSE:
        advance(traffic, c, RESUME, 2);
        break;
    case RESUME:
        advance(traffic, c, AWAIT_EMAILS, 1);
        break;
    default:
        advance(traffic, c, UNUSED, 0);
        break;
    }
    return answer != NULL;
}

/* The sum of the numbers in an object. */
static json_int_t total(const json_t *object)
{
    json_int_t sum = 0;
    for (void *i = json_object_iter((json_t *)object); i; i = json_object_iter_next((json_t *)object, i))
        sum += json_integer_value(json_object_iter_value(i));
    return sum;
}

static bool looked(struct traffic *traffic, void *arg, int status, json_t *answer)
{
    struct campaign *c = arg;
    const json_t *drafts = json_object_get(answer, "drafts"), *emails = json_object_get(answer, "emails");
    (void)status;
    c->waiting = false;
    if (!json_is_object(drafts) || !json_is_object(emails))
        return false;
    c->ready = json_integer_value(json_object_get(drafts, "generated"));
    bool done = c->step == AWAIT_DRAFTS ? total(drafts) >= c->jobs : total(emails) >= c->ready;
    if (done || traffic->now >= c->give_up)
        advance(traffic, c, c->step == AWAIT_DRAFTS ? SEND : COMPLETE, 1);
    else
        c->due = traffic->now + 1;
    return true;
}

static void take_step(struct traffic *traffic, struct campaign *c)
{
    static const char *const verbs[] = {
        [START] = "start", [DRAFTS] = "drafts", [AWAIT_DRAFTS] = "stats", [SEND] = "send",
        [PAUSE] = "pause", [RESUME] = "start",  [AWAIT_EMAILS] = "stats", [COMPLETE] = "complete"};
    char path[160];
    struct expectation e = {.request = {.method = "POST", .path = path, .key = traffic->key}, .arg = c};
    c->waiting = true;
    if (c->step == CREATE) {
        (void)snprintf(path, sizeof(path), "/api/v1/campaigns");
        e.request.body = bodies[traffic->campaigns->made++ % (sizeof(bodies) / sizeof(*bodies))];
        e.request.body_length = strlen(e.request.body);
        e.request.content_type = "application/json";
        e.expected[0] = 201;
        e.check = created;
        traffic_send(traffic, &e);
        return;
    }
    bool look = c->step == AWAIT_DRAFTS || c->step == AWAIT_EMAILS;
    (void)snprintf(path, sizeof(path), "/api/v1/campaigns/%s/%s", c->id, verbs[c->step]);
    e.request.method = look ? "GET" : "POST";
    e.expected[0] = c->step == DRAFTS || c->step == SEND ? 202 : 200;
    e.check = look ? looked : stepped;
    traffic_send(traffic, &e);
}

/* Whether a running campaign is large, or its size is not known yet. */
static bool one_is_enough(const struct campaigns *campaigns)
{
    for (const struct campaign *c = campaigns->list; c < campaigns->list + CAMPAIGNS_AT_A_TIME; c++)
        if (c->step != UNUSED && (c->step <= DRAFTS || c->jobs >= LARGE))
            return true;
    return false;
}

bool campaigns_step(struct traffic *traffic)
{
    struct campaigns *campaigns = traffic->campaigns;
    if (!traffic->imported)
        return false;
    for (struct campaign *c = campaigns->list; c < campaigns->list + CAMPAIGNS_AT_A_TIME; c++) {
        if (c->step == UNUSED && traffic->now >= campaigns->next && !one_is_enough(campaigns)) {
            /* The first ones start quickly, so that there is something to see. */
            campaigns->next = traffic->now + (campaigns->made < 3 ? 5 : campaigns->made < 8 ? 120 : PACE_SECONDS);
            advance(traffic, c, CREATE, 0);
        }
        if (c->step != UNUSED && !c->waiting && traffic->now >= c->due) {
            take_step(traffic, c);
            return true;
        }
    }
    return false;
}
