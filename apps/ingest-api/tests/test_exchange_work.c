/* SPDX-License-Identifier: Apache-2.0 */
/* The store work of a request: committed with a 2xx answer, rolled back with any other, and never interrupted. */
#include "api/answer.h"
#include "api/prospects.h"
#include "front_fixture.h"
#include "http/auth.h"
#include "import/import.h"
#include "store_fixture.h"

#include <semaphore.h>

#define KEY "a-key-of-this-test"
#define ROWS "SELECT count(*) FROM iam.organisations WHERE name = 'made by a request'"

static unsigned told, told_slices; /* number of calls of committed() and slice_committed() */
static sem_t has_begun, may_end;   /* for a request that holds the store */

static void committed(struct request *req)
{
    (void)req;
    told++;
}

static void slice_committed(struct request *req)
{
    (void)req;
    told_slices++;
}

static int make_organisation(struct db *db, unsigned number)
{
    unsigned char hash[AUTH_HASH] = {0};
    char id[37];
    memcpy(hash, &number, sizeof(number));
    return organisations_create(db, "made by a request", hash, id);
}

/* Writes one row per call. With ?slices=1 it requests a second call, which answers. */
static int write_and_answer(struct request *req, struct db *db)
{
    static unsigned number;
    unsigned *calls = req->state;
    int status = atoi(request_query(req, "status"));
    must(make_organisation(db, ++number) == DB_OK);
    if (request_query(req, "hold")) {
        sem_post(&has_begun);
        sem_wait(&may_end);
    }
    req->committed = committed;
    req->slice_committed = slice_committed;
    if (request_query(req, "slices") && (*calls)++ == 0) {
        req->next = REQUEST_WRITES_NEXT;
        return 0;
    }
    return status < 400 ? respond_json(req, status, json_object()) : respond_error(req, status, "no", "No.");
}

static int prepare(struct request *req)
{
    return request_state(req, sizeof(unsigned), free) ? 0 : respond_error(req, 503, "no_memory", "No memory.");
}

static const char *const parameters[] = {"status", "slices", "hold", NULL};
static struct route routes[] = {
    {.method = PROMC_HTTP_GET,
     .path = "/write",
     .store = STORE_WRITE,
     .parameters = parameters,
     .instrumented = true,
     .prepare = prepare,
     .execute = write_and_answer},
    {.path = NULL},
};

/* ---- a front with a store ---- */

static struct front *front;
static struct front_client client;

static int run_key(void *arg, struct db *db)
{
    unsigned char hash[AUTH_HASH];
    must(auth_hash(KEY, strlen(KEY), hash));
    return organisations_create(db, "who imports", hash, arg);
}

static int open_all(void **state)
{
    if (fixture_setup(state) != 0)
        return -1;
    struct fixture *f = *state;
    struct route *const tables[] = {routes, routes_prospects()};
    front = front_open_with(tables, 2);
    front->app.store = f->store;
    front->app.queue = f->queue;
    told = told_slices = 0;
    return sem_init(&has_begun, 0, 0) + sem_init(&may_end, 0, 0);
}

static int close_all(void **state)
{
    front_close(front);
    return fixture_teardown(state);
}

static void begin(const char *text)
{
    front_connect(front, &client);
    front_send(front, &client, text, strlen(text), strlen(text));
}

static void end(void)
{
    front_finish(front, &client, FRONT_HALF_CLOSE);
    front_check(&client, FRONT_HALF_CLOSE);
}

static void expect(const char *query, int status)
{
    char text[200];
    (void)snprintf(text, sizeof(text), "GET /write?status=%d%s HTTP/1.1\r\nHost: x\r\n\r\n", status, query);
    begin(text);
    end();
    assert_int_equal(client.last, status);
}

/* ---- tests ---- */

static void only_2xx_answers_are_committed(void **state)
{
    static const int refusals[] = {400, 401, 404, 409, 413, 422, 429, 500, 503};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        expect("", refusals[i]);
    assert_int_equal(fixture_count(*state, ROWS), 0);
    assert_int_equal(told, 0);
    expect("", 200);
    expect("", 201);
    assert_int_equal(fixture_count(*state, ROWS), 2);
    assert_int_equal(told, 2);
}

/* Earlier slices stay committed. Undoing them is the task of the import. */
static void each_slice_is_a_transaction(void **state)
{
    expect("&slices=1", 200);
    assert_int_equal(fixture_count(*state, ROWS), 2);
    assert_int_equal(told, 1);
    assert_int_equal(told_slices, 1);
    expect("&slices=1", 409);
    assert_int_equal(fixture_count(*state, ROWS), 3);
    assert_int_equal(told, 1);
    assert_int_equal(told_slices, 2); /* also if the next one fails, or cannot be begun */
}

/* More than one batch of valid rows, in an array that is not closed. */
static void a_truncated_import_changes_nothing(void **state)
{
    struct fixture *f = *state;
    char id[37], *body = malloc(65536), *text = malloc(65536 + 400), *to = body;
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_key, id), DB_OK);
    for (int i = 0; i < 2 * IMPORT_BATCH; i++)
        to += sprintf(to, "%c{\"email\":\"p%d@example.com\"}", i == 0 ? '[' : ',', i);
    for (int closed = 0; closed < 2; closed++) {
        if (closed)
            to = stpcpy(to, "]");
        (void)sprintf(text,
                      "POST /api/v1/prospects/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                      KEY, (size_t)(to - body), body);
        begin(text);
        end();
        assert_int_equal(client.last, closed ? 200 : 400);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), closed ? 2 * IMPORT_BATCH : 0);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), closed ? 2 : 0);
    }
    free(text);
    free(body);
}

/* Deadlines, also that of a shutdown, are for slow clients. The front waits for an answer that the store still owes. */
static void a_deadline_waits_for_the_store(void **state)
{
    begin("GET /write?status=200&hold=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    while (sem_trywait(&has_begun) != 0)
        front_turn(front, &client, UV_RUN_NOWAIT);
    loop_drain(front->loop, 1); /* expired long ago */
    while (!front->loop->draining)
        front_turn(front, &client, UV_RUN_NOWAIT);
    connection_owner.sweep(front->loop, promc_now_ns());
    front->loop->draining = false; /* test each deadline alone */
    connection_owner.sweep(front->loop, promc_now_ns() + 3600 * FRONT_SECOND);
    front->loop->draining = true;
    front_turn(front, &client, UV_RUN_NOWAIT);
    assert_int_equal(front->loop->connection_count, 1);
    assert_int_equal(front->loop->in_flight, 1);
    sem_post(&may_end);
    end();
    assert_int_equal(client.last, 200);
    assert_int_equal(fixture_count(*state, ROWS), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_2xx_answers_are_committed),
        TEST(each_slice_is_a_transaction),
        TEST(a_truncated_import_changes_nothing),
        TEST(a_deadline_waits_for_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
