/* SPDX-License-Identifier: Apache-2.0 */
#include "table_shop.h"
#include "util.h"

PROMC_TABLE_DEFINE(shop, SHOP_METRICS);

static double rung = 3;

double shop_value(void *user)
{
    return user ? *(double *)user : rung;
}

static void series_exist_from_the_start(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    assert_ok(promc_table_register(registry, &shop_table, &shop));
    assert_true(exposes(registry, "shop_starts_total 0"));
    assert_true(exposes(registry, "shop_orders_total{method=\"get\",result=\"ok\"} 0"));
    assert_true(exposes(registry, "shop_orders_total{method=\"post\",result=\"lost\"} 0"));
    assert_true(exposes(registry, "shop_stock{shelf=\"bottom\"} 0"));
    assert_true(exposes(registry, "shop_wait_seconds_bucket{result=\"refused\",le=\"0.1\"} 0"));
    assert_int_equal(promc_family_series_count(promc_family_find(registry, "shop_orders_total")), 6);
    assert_int_equal(promc_family_series_count(shop.mails), 0);
    promc_registry_destroy(registry);
}

/* Each element of each array is the series of its own enumerators. */
static void index_is_the_series(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    assert_ok(promc_table_register(registry, &shop_table, &shop));
    promc_family *orders = promc_family_find(registry, "shop_orders_total");
    for (int m = 0; m < shop_method_count; m++) {
        for (int r = 0; r < shop_result_count; r++) {
            promc_counter_add_u64(shop.orders[m][r], 10u * (unsigned)m + (unsigned)r + 1);
            assert_same(promc_counter_value(promc_counter_with(orders, shop_method_values[m], shop_result_values[r])),
                        10 * m + r + 1);
        }
    }
    promc_counter_inc(shop.starts);
    promc_gauge_set(shop.stock[SHELF_BOTTOM], 7);
    promc_updown_add(shop.customers, -3);
    promc_histogram_observe(shop.wait[RESULT_LOST], .05);
    assert_true(exposes(registry, "shop_starts_total 1"));
    assert_true(exposes(registry, "shop_stock{shelf=\"top\"} 0"));
    assert_true(exposes(registry, "shop_stock{shelf=\"bottom\"} 7"));
    assert_true(exposes(registry, "shop_customers -3"));
    assert_true(exposes(registry, "shop_wait_seconds_bucket{result=\"lost\",le=\"0.01\"} 0"));
    assert_true(exposes(registry, "shop_wait_seconds_bucket{result=\"lost\",le=\"0.1\"} 1"));
    promc_registry_destroy(registry);
}

static void open_labels_are_looked_up(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    assert_ok(promc_table_register(registry, &shop_table, &shop));
    promc_counter_inc(promc_counter_with(shop.mails, "ada", PROMC_VALUE(shop_result, RESULT_REFUSED)));
    promc_histogram_observe(promc_histogram_with(shop.visit, "ada"), .5);
    promc_gauge_set(promc_gauge_with(shop.debt, "ada"), 2.5);
    promc_updown_inc(promc_updown_with(shop.baskets, "red"));
    assert_true(exposes(registry, "shop_mails_total{customer=\"ada\",result=\"refused\"} 1"));
    assert_true(exposes(registry, "shop_visit_seconds_bucket{customer=\"ada\",le=\"1\"} 1"));
    assert_true(exposes(registry, "shop_debt{customer=\"ada\"} 2.5"));
    assert_true(exposes(registry, "shop_baskets{colour=\"red\"} 1"));
    promc_registry_destroy(registry);
}

static void options_reach_the_family(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family_description is;
    assert_ok(promc_table_register(registry, &shop_table, &shop));
    promc_family_describe(shop.mails, &is, sizeof(is));
    assert_string_equal(is.name, "shop_mails_total");
    assert_string_equal(is.help, "Mails sent.");
    assert_string_equal(is.unit, "");
    assert_string_equal(is.type_name, "counter");
    assert_int_equal(is.label_count, 2);
    assert_string_equal(is.labels[0], "customer");
    assert_string_equal(is.labels[1], "result");
    assert_int_equal(is.max_series, 50);
    assert_int_equal(is.idle_expiry_seconds, 3600);
    promc_family_describe(promc_family_find(registry, "shop_wait_seconds"), &is, sizeof(is));
    assert_string_equal(is.unit, "seconds");
    assert_int_equal(is.bucket_count, 3);
    assert_same(is.buckets[1], .1);
    promc_family_describe(promc_family_find(registry, "shop_customers"), &is, sizeof(is));
    assert_string_equal(is.type_name, "gauge");
    promc_registry_destroy(registry);
}

static void every_other_type(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_gauge odder;
    assert_ok(promc_table_register(registry, &shop_table, &shop));
    promc_summary_observe(shop.price[RESULT_REFUSED], 12.5);
    assert_true(exposes(registry, "shop_price_euros_sum{street=\"High\",result=\"refused\"} 12.5"));
    assert_true(exposes(registry, "shop_price_euros{street=\"High\",result=\"ok\",quantile=\"0.95\"} NaN"));
    promc_summary_observe(promc_summary_with(shop.chat, "ada"), 2);
    assert_true(exposes(registry, "shop_chat_seconds_count{customer=\"ada\"} 1"));
    promc_gauge_set(shop.odd[SHELF_BOTTOM], -1);
    assert_true(exposes(registry, "shop_odd{shelf=\"bottom\"} -1"));
    assert_ok(promc_gauge_get(shop.odder, (const char *[]){"x"}, &odder));
    promc_gauge_set(odder, 5);
    assert_true(exposes(registry, "# TYPE shop_odder untyped\nshop_odder{key=\"x\"} 5"));
    assert_ok(promc_info_set(shop.build, (const char *[]){"flint"}));
    assert_true(exposes(registry, "shop_build_info{stone=\"flint\"} 1"));
    assert_ok(promc_stateset_select(shop.mode, (const char *[]){"1"}, PROMC_VALUE(shop_mode, MODE_OPEN)));
    assert_true(exposes(registry, "shop_mode{floor=\"1\",shop_mode=\"closed\"} 0"));
    assert_true(exposes(registry, "shop_mode{floor=\"1\",shop_mode=\"open\"} 1"));
    assert_true(exposes(registry, "shop_rings_total 3"));
    rung = 4;
    assert_true(exposes(registry, "shop_rings_total 4"));
    double waiting = 7;
    assert_ok(promc_callback_set(shop.queue, (const char *[]){PROMC_VALUE(shelf, SHELF_TOP)}, shop_value, &waiting));
    assert_true(exposes(registry, "shop_queue{shelf=\"top\"} 7"));
    assert_ok(promc_callback_set(shop.till, NULL, shop_value, &waiting));
    assert_true(exposes(registry, "shop_till 7"));
    promc_registry_destroy(registry);
}

static void table_is_data(void **state)
{
    (void)state;
    assert_string_equal(shop_table.name, "shop");
    assert_int_equal(shop_table.metric_count, 18);
    const promc_table_metric *mails = &shop_table.metrics[1], *orders = &shop_table.metrics[2];
    assert_null(mails->labels[0].values);
    assert_int_equal(mails->labels[1].value_count, 3);
    assert_string_equal(mails->labels[1].values[RESULT_LOST], "lost");
    assert_null(mails->labels[2].name);
    assert_int_equal(promc_table_series(mails), 0);
    assert_int_equal(promc_table_series(orders), 6);
    assert_int_equal(promc_table_series(&shop_table.metrics[0]), 1);
    /* For a printed reference, a stateset's states are the values of a label. */
    promc_table_label labels[PROMC_MAX_LABELS];
    assert_int_equal(promc_table_labels(&shop_table.metrics[14], labels), 2);
    assert_string_equal(labels[0].name, "floor");
    assert_string_equal(labels[1].name, "shop_mode");
    assert_int_equal(labels[1].value_count, 2);
    assert_string_equal(labels[1].values[MODE_OPEN], "open");
    assert_int_equal(promc_table_labels(mails, labels), 2);
    assert_int_equal(promc_table_labels(&shop_table.metrics[0], labels), 0);
}

/* The walk visits every registered family once, including promc's own. */
static void registry_is_walked(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.no_self_metrics = true});
    assert_null(promc_family_next(registry, NULL));
    assert_ok(promc_table_register(registry, &shop_table, &shop));
    size_t met = 0;
    for (promc_family *family = promc_family_next(registry, NULL); family;
         family = promc_family_next(registry, family)) {
        promc_family_description is;
        promc_family_describe(family, &is, sizeof(is));
        met++;
        assert_string_equal(is.name, shop_table.metrics[shop_table.metric_count - met].name);
    }
    assert_int_equal(met, shop_table.metric_count);
    promc_registry_destroy(registry);
}

static void zero_handles_before_and_after_a_failure(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *taken;
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "shop_baskets"}, &taken));
    assert_fails(promc_table_register(registry, &shop_table, &shop), PROMC_E_DUPLICATE, "shop_baskets");
    static const struct shop nothing;
    assert_memory_equal(&shop, &nothing, sizeof(shop));
    promc_counter_inc(shop.orders[METHOD_GET][RESULT_OK]);
    promc_counter_inc(promc_counter_with(shop.mails, "ada", "ok"));
    promc_registry_destroy(registry);
}

#define SMALL_METRICS(METRIC, LABEL, OPEN)                                                                      \
    METRIC(COUNTER, orders, "orders_total", "More series than the cap.", LABEL(shop_method) LABEL(shop_result), \
           PROMC_CAPPED(5, 0))
PROMC_TABLE(small, SMALL_METRICS);
PROMC_TABLE_DEFINE(small, SMALL_METRICS);

#define FADING_METRICS(METRIC, LABEL, OPEN) \
    METRIC(COUNTER, orders, "orders_total", "Expires.", LABEL(shop_method), PROMC_CAPPED(5, 60))
PROMC_TABLE(fading, FADING_METRICS);
PROMC_TABLE_DEFINE(fading, FADING_METRICS);

static void invalid_rows_are_refused(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    assert_fails(promc_table_register(registry, &fading_table, &fading), PROMC_E_INVALID, "cannot expire");
    assert_fails(promc_table_register(registry, &small_table, &small), PROMC_E_FULL, "6 combinations");
    static const struct {
        enum promc_type type;
        promc_table_options options;
        int code;
        const char *detail;
    } options[] = {
        {PROMC_COUNTER, PROMC_BUCKETS(shop_seconds), PROMC_E_INVALID, "has buckets but is not a histogram"},
        {PROMC_HISTOGRAM, PROMC_SUMMARY_LIKE(shop_prices), PROMC_E_INVALID,
         "has a summary's settings but is not a summary"},
        {PROMC_INFO, PROMC_STATES(shop_mode), PROMC_E_INVALID, "has states but is not a stateset"},
        {PROMC_GAUGE, PROMC_VALUE_FROM(shop_value), PROMC_E_INVALID, "has a value function but is not a callback"},
        {PROMC_STATESET, PROMC_PLAIN, PROMC_E_INVALID, "0 states"},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        promc_family *family;
        const promc_table_metric row = {options[i].type, 1, 0, "row", "A row.", {{0}}, options[i].options, {0}};
        const promc_table table = {"t", &row, 1, sizeof(family), {0}};
        assert_fails(promc_table_register(registry, &table, &family), options[i].code, options[i].detail);
    }
    promc_table wrong = shop_table;
    wrong.handles_bytes -= sizeof(promc_series_ref); /* more than the padding at the end */
    assert_fails(promc_table_register(registry, &wrong, &shop), PROMC_E_INVALID, "its rows need a struct of");
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_exist_from_the_start),
        cmocka_unit_test(index_is_the_series),
        cmocka_unit_test(open_labels_are_looked_up),
        cmocka_unit_test(options_reach_the_family),
        cmocka_unit_test(every_other_type),
        cmocka_unit_test(table_is_data),
        cmocka_unit_test(registry_is_walked),
        cmocka_unit_test(zero_handles_before_and_after_a_failure),
        cmocka_unit_test(invalid_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
