/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags, confirms and the connection's state, with frames that this test makes. tests/test_queue_amqp.py tests the calls that need a
 * broker, through examples/with_rabbitmq_c.c and ingest-api.
 */
#include "amqp_internal.h"
#include "util.h"
#include "window.h"

/* ---- the window ---- */

struct seen {
    uint32_t routes[256];
    size_t n;
};

static void see(void *arg, const struct window_entry *entry)
{
    struct seen *seen = arg;
    assert_true(seen->n < 256);
    seen->routes[seen->n++] = entry->route;
}

static void tags_come_back_in_any_order(void **state)
{
    (void)state;
    struct window window = {0};
    struct seen seen = {0};
    for (uint32_t tag = 1; tag <= 5; tag++)
        assert_true(promc_amqp_window_open(&window, tag, tag, 0));
    promc_amqp_window_close(&window, 3, false, see, &seen);
    promc_amqp_window_close(&window, 3, false, see, &seen); /* the second time: nothing */
    promc_amqp_window_close(&window, 9, false, see, &seen); /* an unknown tag */
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.routes[0], 3);
    promc_amqp_window_close(&window, 4, true, see, &seen);
    assert_int_equal(seen.n, 4); /* 1, 2, 4 */
    assert_int_equal(seen.routes[1], 1);
    assert_int_equal(seen.routes[3], 4);
    assert_int_equal(window.open, 1);
    promc_amqp_window_close(&window, 0, true, see, &seen);
    assert_int_equal(seen.n, 5);
    assert_int_equal(window.open, 0);
    promc_amqp_window_free(&window);
}

static void a_window_grows_and_its_tags_stay(void **state)
{
    (void)state;
    struct window window = {0};
    struct seen seen = {0};
    for (uint32_t tag = 1; tag <= 1000; tag++)
        assert_true(promc_amqp_window_open(&window, tag, tag, 0));
    assert_int_equal(window.open, 1000);
    promc_amqp_window_close(&window, 200, true, see, &seen);
    assert_int_equal(seen.n, 200);
    assert_int_equal(seen.routes[199], 200);
    /* Old tags are closed, and their room is reused. */
    size_t capacity = window.capacity;
    for (uint32_t tag = 1001; tag <= 1200; tag++)
        assert_true(promc_amqp_window_open(&window, tag, tag, 0));
    assert_int_equal(window.capacity, capacity);
    promc_amqp_window_free(&window);
}

static void invalid_tags(void **state)
{
    (void)state;
    struct window window = {0};
    struct seen seen = {0};
    assert_true(promc_amqp_window_open(&window, 1, 1, 0));
    assert_false(promc_amqp_window_open(&window, 1, 2, 0));
    assert_true(promc_amqp_window_open(&window, 70, 3, 0)); /* a gap */
    promc_amqp_window_close(&window, 0, true, see, &seen);
    assert_int_equal(seen.n, 2);
    assert_true(promc_amqp_window_open(&window, 100, 1, 0));
    assert_true(promc_amqp_window_open(&window, UINT64_C(1) << 62, 4, 0)); /* the older ones are dropped */
    assert_int_equal(window.open, 1);
    promc_amqp_window_close(&window, UINT64_C(1) << 62, false, see, &seen);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.routes[2], 4);
    promc_amqp_window_free(&window);
}

static void more_than_a_window_holds(void **state)
{
    (void)state;
    struct window window = {0};
    for (uint64_t tag = 1; tag <= WINDOW_MAX + 10; tag++)
        assert_true(promc_amqp_window_open(&window, tag, 1, 0));
    assert_int_equal(window.open, WINDOW_MAX); /* the ten oldest are dropped */
    assert_int_equal(window.first, 11);
    promc_amqp_window_free(&window);
}

/* ---- the metrics ---- */

struct fixture {
    promc_registry *registry;
    promc_amqp *amqp;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    return promc_registry_create(&f->registry, NULL) < 0 || promc_amqp_create(&f->amqp, f->registry, NULL) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    promc_amqp_destroy(f->amqp);
    promc_registry_destroy(f->registry);
    free(f);
    return 0;
}

/* The state after promc_amqp_basic_publish(). */
static void published(struct fixture *f, const char *queue, int n)
{
    struct channel *channel = promc_amqp_channel(f->amqp, 1);
    uint32_t route = promc_amqp_route(f->amqp, amqp_cstring_bytes(queue));
    for (int i = 0; i < n; i++)
        assert_true(promc_amqp_window_open(&channel->unconfirmed, ++channel->published, route, promc_now_ns()));
}

static bool show(struct fixture *f, amqp_method_number_t id, void *decoded)
{
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_METHOD, .channel = 1};
    frame.payload.method.id = id;
    frame.payload.method.decoded = decoded;
    return promc_amqp_frame(f->amqp, &frame);
}

static void confirms_are_counted_by_destination(void **state)
{
    struct fixture *f = *state;
    promc_amqp_connected(f->amqp);
    published(f, "one", 3);
    published(f, "two", 2);
    assert_true(show(f, AMQP_BASIC_ACK_METHOD, &(amqp_basic_ack_t){.delivery_tag = 2, .multiple = 1}));
    assert_true(show(f, AMQP_BASIC_NACK_METHOD, &(amqp_basic_nack_t){.delivery_tag = 4}));
    assert_true(show(f, AMQP_BASIC_RETURN_METHOD,
                     &(amqp_basic_return_t){.exchange = amqp_empty_bytes, .routing_key = amqp_cstring_bytes("two")}));
    assert_false(show(f, AMQP_CHANNEL_FLOW_METHOD, &(amqp_channel_flow_t){0}));
    assert_true(exposes(f->registry, "amqp_confirms_total{connection=\"main\",destination=\"one\",outcome=\"ack\"} 2"));
    assert_true(
        exposes(f->registry, "amqp_confirms_total{connection=\"main\",destination=\"two\",outcome=\"nack\"} 1"));
    assert_true(
        exposes(f->registry, "amqp_confirms_total{connection=\"main\",destination=\"two\",outcome=\"returned\"} 1"));
    assert_true(exposes(f->registry, "amqp_publish_duration_seconds_count{connection=\"main\",destination=\"one\"} 2"));
    assert_true(exposes(f->registry, "amqp_unconfirmed_messages{connection=\"main\"} 2"));
}

static void unconfirmed_messages_are_lost_with_the_connection(void **state)
{
    struct fixture *f = *state;
    promc_amqp_connect_failed(f->amqp);
    promc_amqp_connected(f->amqp);
    assert_true(exposes(f->registry, "amqp_connection_up{connection=\"main\"} 1"));
    published(f, "one", 3);
    promc_amqp_disconnected(f->amqp, AMQP_STATUS_HEARTBEAT_TIMEOUT);
    promc_amqp_disconnected(f->amqp, AMQP_STATUS_OK); /* a second report does not count */
    assert_true(exposes(f->registry, "amqp_connection_up{connection=\"main\"} 0"));
    assert_true(
        exposes(f->registry, "amqp_confirms_total{connection=\"main\",destination=\"one\",outcome=\"lost\"} 3"));
    assert_true(exposes(f->registry, "amqp_unconfirmed_messages{connection=\"main\"} 0"));
    assert_true(exposes(f->registry, "amqp_disconnects_total{connection=\"main\",reason=\"heartbeat\"} 1"));
    assert_true(exposes(f->registry, "amqp_reconnects_total{connection=\"main\"} 0"));
    promc_amqp_connected(f->amqp);
    assert_true(exposes(f->registry, "amqp_reconnects_total{connection=\"main\"} 1"));
    assert_true(exposes(f->registry, "amqp_connects_total{connection=\"main\",outcome=\"failure\"} 1"));
    assert_true(exposes(f->registry, "amqp_connects_total{connection=\"main\",outcome=\"success\"} 2"));
    amqp_rpc_reply_t reply = {.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION};
    promc_amqp_disconnected_reply(f->amqp, reply);
    assert_true(exposes(f->registry, "amqp_disconnects_total{connection=\"main\",reason=\"broker\"} 1"));
}

/* ---- consumers: the broker's part of three calls ---- */

static amqp_envelope_t next_message;

amqp_basic_consume_ok_t *amqp_basic_consume(amqp_connection_state_t state, amqp_channel_t channel, amqp_bytes_t queue,
                                            amqp_bytes_t consumer_tag, amqp_boolean_t no_local, amqp_boolean_t no_ack,
                                            amqp_boolean_t exclusive, amqp_table_t arguments)
{
    static amqp_basic_consume_ok_t ok;
    (void)state, (void)channel, (void)queue, (void)no_local, (void)no_ack, (void)exclusive, (void)arguments;
    ok.consumer_tag = consumer_tag;
    return &ok;
}

amqp_rpc_reply_t amqp_consume_message(amqp_connection_state_t state, amqp_envelope_t *envelope,
                                      const struct timeval *timeout, int flags)
{
    (void)state, (void)timeout, (void)flags;
    *envelope = next_message;
    return (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_NORMAL};
}

amqp_channel_open_ok_t *amqp_channel_open(amqp_connection_state_t state, amqp_channel_t channel)
{
    static amqp_channel_open_ok_t ok;
    (void)state;
    return channel ? &ok : NULL;
}

static void consume(struct fixture *f, const char *tag, const char *queue, bool no_ack)
{
    assert_non_null(promc_amqp_basic_consume(f->amqp, NULL, 1, amqp_cstring_bytes(queue), amqp_cstring_bytes(tag), 0,
                                             no_ack, 0, amqp_empty_table));
}

static void deliver(struct fixture *f, const char *tag, uint64_t delivery_tag)
{
    amqp_envelope_t envelope;
    next_message = (amqp_envelope_t){.channel = 1,
                                     .consumer_tag = amqp_cstring_bytes(tag),
                                     .delivery_tag = delivery_tag,
                                     .routing_key = amqp_cstring_bytes("key")};
    assert_int_equal(promc_amqp_consume_message(f->amqp, NULL, &envelope, NULL, 0).reply_type, AMQP_RESPONSE_NORMAL);
}

/* A consumer with no_ack never settles its messages. */
static void messages_without_acknowledgement_are_not_outstanding(void **state)
{
    struct fixture *f = *state;
    promc_amqp_connected(f->amqp);
    consume(f, "quick", "events", true);
    consume(f, "careful", "jobs", false);
    for (uint64_t tag = 1; tag <= 5; tag++)
        deliver(f, tag == 3 ? "careful" : "quick", tag);
    deliver(f, "unknown", 6);
    assert_true(
        exposes(f->registry, "amqp_deliveries_total{connection=\"main\",queue=\"events\",redelivered=\"false\"} 4"));
    assert_true(
        exposes(f->registry, "amqp_deliveries_total{connection=\"main\",queue=\"key\",redelivered=\"false\"} 1"));
    assert_true(exposes(f->registry, "amqp_unsettled_messages{connection=\"main\"} 2"));
}

/* A consumer that was cancelled, then made again with its tag for another queue. */
static void a_tag_can_be_used_again(void **state)
{
    struct fixture *f = *state;
    promc_amqp_connected(f->amqp);
    for (int i = 0; i < 3; i++)
        consume(f, "tag", "first", true);
    promc_amqp_consumer(f->amqp, 1, amqp_cstring_bytes("tag"), amqp_cstring_bytes("second"));
    deliver(f, "tag", 1);
    assert_true(
        exposes(f->registry, "amqp_deliveries_total{connection=\"main\",queue=\"second\",redelivered=\"false\"} 1"));
    assert_true(exposes(f->registry, "amqp_unsettled_messages{connection=\"main\"} 1"));
    assert_int_equal(f->amqp->consumer_count, 1);
}

/* The broker closes a channel after an error; when it is open again, its tags begin at 1. */
static void a_closed_channel_begins_again(void **state)
{
    struct fixture *f = *state;
    promc_amqp_connected(f->amqp);
    published(f, "one", 3);
    consume(f, "tag", "jobs", false);
    deliver(f, "tag", 1);
    assert_false(show(f, AMQP_CHANNEL_CLOSE_METHOD, &(amqp_channel_close_t){0})); /* the program answers it */
    assert_true(
        exposes(f->registry, "amqp_confirms_total{connection=\"main\",destination=\"one\",outcome=\"lost\"} 3"));
    assert_true(exposes(f->registry, "amqp_unconfirmed_messages{connection=\"main\"} 0"));
    assert_true(exposes(f->registry, "amqp_unsettled_messages{connection=\"main\"} 0"));
    published(f, "two", 1);
    consume(f, "other", "jobs", false);
    deliver(f, "other", 1);
    assert_true(exposes(f->registry, "amqp_unsettled_messages{connection=\"main\"} 1"));
    assert_true(show(f, AMQP_BASIC_ACK_METHOD, &(amqp_basic_ack_t){.delivery_tag = 1}));
    assert_true(exposes(f->registry, "amqp_confirms_total{connection=\"main\",destination=\"two\",outcome=\"ack\"} 1"));
    assert_int_equal(f->amqp->consumer_count, 1);
}

/* The broker's channel.close was the answer to a call, so promc_amqp_frame() did not see it. */
static void a_channel_that_is_opened_again_begins_again(void **state)
{
    struct fixture *f = *state;
    promc_amqp_connected(f->amqp);
    assert_non_null(promc_amqp_channel_open(f->amqp, NULL, 1));
    published(f, "one", 3);
    consume(f, "tag", "jobs", false);
    for (uint64_t tag = 1; tag <= 5; tag++)
        deliver(f, "tag", tag);
    assert_null(promc_amqp_channel_open(f->amqp, NULL, 0)); /* refused: nothing changes */
    assert_true(exposes(f->registry, "amqp_unsettled_messages{connection=\"main\"} 5"));
    assert_non_null(promc_amqp_channel_open(f->amqp, NULL, 1));
    assert_true(
        exposes(f->registry, "amqp_confirms_total{connection=\"main\",destination=\"one\",outcome=\"lost\"} 3"));
    assert_true(exposes(f->registry, "amqp_unconfirmed_messages{connection=\"main\"} 0"));
    assert_true(exposes(f->registry, "amqp_unsettled_messages{connection=\"main\"} 0"));
    published(f, "two", 1);
    assert_true(show(f, AMQP_BASIC_ACK_METHOD, &(amqp_basic_ack_t){.delivery_tag = 1}));
    assert_true(exposes(f->registry, "amqp_confirms_total{connection=\"main\",destination=\"two\",outcome=\"ack\"} 1"));
    consume(f, "tag", "jobs", false);
    deliver(f, "tag", 1);
    assert_true(exposes(f->registry, "amqp_unsettled_messages{connection=\"main\"} 1"));
    assert_non_null(promc_amqp_channel_open(NULL, NULL, 1));
}

static void a_blocked_connection_is_shown(void **state)
{
    struct fixture *f = *state;
    promc_amqp_connected(f->amqp);
    assert_true(exposes(f->registry, "amqp_connection_blocked{connection=\"main\"} 0"));
    assert_true(show(f, AMQP_CONNECTION_BLOCKED_METHOD, &(amqp_connection_blocked_t){0}));
    assert_true(exposes(f->registry, "amqp_connection_blocked{connection=\"main\"} 1"));
    assert_true(show(f, AMQP_CONNECTION_UNBLOCKED_METHOD, &(amqp_connection_unblocked_t){0}));
    assert_true(exposes(f->registry, "amqp_connection_blocked{connection=\"main\"} 0"));
    assert_true(show(f, AMQP_CONNECTION_BLOCKED_METHOD, &(amqp_connection_blocked_t){0}));
    promc_amqp_disconnected(f->amqp, AMQP_STATUS_TIMEOUT); /* it ends with the connection */
    assert_true(exposes(f->registry, "amqp_connection_blocked{connection=\"main\"} 0"));
}

static void destinations_beyond_the_limit_share_one(void **state)
{
    struct fixture *f = *state;
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "queue-%d", i);
        promc_amqp_count(f->amqp, PUBLISHES, promc_amqp_route(f->amqp, amqp_cstring_bytes(name)), "sent");
    }
    assert_true(
        exposes(f->registry, "amqp_publishes_total{connection=\"main\",destination=\"queue-62\",outcome=\"sent\"} 1"));
    assert_true(
        exposes(f->registry, "amqp_publishes_total{connection=\"main\",destination=\"other\",outcome=\"sent\"} 937"));
}

static void several_connections_share_a_registry(void **state)
{
    struct fixture *f = *state;
    promc_amqp *other;
    assert_int_equal(promc_amqp_create(&other, f->registry, &(promc_amqp_settings){.connection = "other"}), 0);
    promc_amqp_connected(other);
    assert_true(exposes(f->registry, "amqp_connection_up{connection=\"other\"} 1"));
    assert_true(exposes(f->registry, "amqp_connection_up{connection=\"main\"} 0"));
    promc_amqp_destroy(other);
    promc_registry *foreign;
    assert_int_equal(promc_registry_create(&foreign, NULL), 0);
    promc_family *family;
    assert_int_equal(promc_gauge_register(
                         foreign, &(promc_family_settings){.name = "amqp_connects_total", .help = "Mine."}, &family),
                     0);
    const promc_amqp_settings newer = {.connection = "newer", .reserved = {0, 1}};
    assert_fails(promc_amqp_create(&other, f->registry, &newer), PROMC_E_VERSION,
                 "promc_amqp_settings: reserved word 1");
    assert_fails(promc_amqp_register(f->registry, &newer), PROMC_E_VERSION, "promc_amqp_settings: reserved word 1");
    assert_int_equal(promc_amqp_create(&other, foreign, NULL), PROMC_E_TYPE);
    assert_null(other);
    promc_registry_destroy(foreign);
}

static void nothing_is_counted_without_an_object(void **state)
{
    (void)state;
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEARTBEAT};
    promc_amqp_connected(NULL);
    promc_amqp_connect_failed(NULL);
    promc_amqp_disconnected(NULL, 0);
    assert_false(promc_amqp_frame(NULL, &frame));
    promc_amqp_destroy(NULL);
    promc_amqp *amqp;
    assert_int_equal(promc_amqp_create(&amqp, NULL, NULL), PROMC_E_INVALID);
    assert_int_equal(promc_amqp_register(NULL, NULL), PROMC_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_come_back_in_any_order),
        cmocka_unit_test(a_window_grows_and_its_tags_stay),
        cmocka_unit_test(invalid_tags),
        cmocka_unit_test(more_than_a_window_holds),
        cmocka_unit_test_setup_teardown(confirms_are_counted_by_destination, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unconfirmed_messages_are_lost_with_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_without_acknowledgement_are_not_outstanding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tag_can_be_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_channel_begins_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_channel_that_is_opened_again_begins_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_blocked_connection_is_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(destinations_beyond_the_limit_share_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_connections_share_a_registry, set_up, tear_down),
        cmocka_unit_test(nothing_is_counted_without_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
