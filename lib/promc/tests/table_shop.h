/* SPDX-License-Identifier: Apache-2.0 */
/* The table of test_table.c and compile_table.c, for C and C++. */
#ifndef PROMC_TESTS_TABLE_SHOP_H
#define PROMC_TESTS_TABLE_SHOP_H

#include <promc/table.h>

#define SHOP_METHODS(VALUE) VALUE(METHOD_GET, "get") VALUE(METHOD_POST, "post")
PROMC_LABEL(shop_method, "method", SHOP_METHODS);
#define SHOP_RESULTS(VALUE) VALUE(RESULT_OK, "ok") VALUE(RESULT_REFUSED, "refused") VALUE(RESULT_LOST, "lost")
PROMC_LABEL(shop_result, "result", SHOP_RESULTS);

/* A label whose enum and texts are defined elsewhere. */
enum shelf { SHELF_TOP, SHELF_BOTTOM, SHELVES };
static const char *const shelf_values[] = {"top", "bottom"};
PROMC_LABEL_OF(shelf, "shelf", SHELVES);

#define SHOP_MODES(VALUE) VALUE(MODE_CLOSED, "closed") VALUE(MODE_OPEN, "open")
PROMC_LABEL(shop_mode, "mode", SHOP_MODES);

static const double shop_seconds[] = {.01, .1, 1};
static const double shop_quantiles[] = {.5, .95};
static const promc_label shop_street[] = {{"street", "High"}, {0, 0}};
/* field by field: C++11 has no designated initialisers */
static const promc_summary_settings shop_prices = {
    {0, 0, "euros", {0}, 0, 0, shop_street, 0, 0, 0, 0, {0}, {0}}, shop_quantiles, 2, .02, .01, 10000, 3600, 6, {0}};

#ifdef __cplusplus
extern "C" {
#endif
double shop_value(void *user);
#ifdef __cplusplus
}
#endif

#define SHOP_METRICS(METRIC, LABEL, OPEN)                                                                              \
    METRIC(COUNTER, starts, "shop_starts_total", "Starts.", PROMC_NO_LABELS, PROMC_PLAIN)                              \
    METRIC(COUNTER_FAMILY, mails, "shop_mails_total", "Mails sent.", OPEN("customer") LABEL(shop_result),              \
           PROMC_CAPPED(50, 3600))                                                                                     \
    METRIC(COUNTER, orders, "shop_orders_total", "Orders placed.", LABEL(shop_method) LABEL(shop_result), PROMC_PLAIN) \
    METRIC(GAUGE, stock, "shop_stock", "Items in stock.", LABEL(shelf), PROMC_PLAIN)                                   \
    METRIC(UPDOWN, customers, "shop_customers", "Customers inside.", PROMC_NO_LABELS, PROMC_PLAIN)                     \
    METRIC(HISTOGRAM, wait, "shop_wait_seconds", "Time to be served.", LABEL(shop_result),                             \
           PROMC_OPTIONS("seconds", shop_seconds, 3, 0, 0))                                                            \
    METRIC(HISTOGRAM_FAMILY, visit, "shop_visit_seconds", "Time in the shop.", OPEN("customer"),                       \
           PROMC_BUCKETS(shop_seconds))                                                                                \
    METRIC(GAUGE_FAMILY, debt, "shop_debt", "Owed.", OPEN("customer"), PROMC_PLAIN)                                    \
    METRIC(UPDOWN_FAMILY, baskets, "shop_baskets", "Baskets in use.", OPEN("colour"), PROMC_PLAIN)                     \
    METRIC(SUMMARY, price, "shop_price_euros", "What was paid.", LABEL(shop_result), PROMC_SUMMARY_LIKE(shop_prices))  \
    METRIC(SUMMARY_FAMILY, chat, "shop_chat_seconds", "Time at the counter.", OPEN("customer"), PROMC_PLAIN)           \
    METRIC(UNTYPED, odd, "shop_odd", "From the old till.", LABEL(shelf), PROMC_PLAIN)                                  \
    METRIC(UNTYPED_FAMILY, odder, "shop_odder", "From the old till.", OPEN("key"), PROMC_PLAIN)                        \
    METRIC(INFO, build, "shop_build_info", "What it was built of.", OPEN("stone"), PROMC_PLAIN)                        \
    METRIC(STATESET, mode, "shop_mode", "What it is at.", OPEN("floor"), PROMC_STATES(shop_mode))                      \
    METRIC(COUNTER_CALLBACK, rings, "shop_rings_total", "Of the door's bell.", PROMC_NO_LABELS,                        \
           PROMC_VALUE_FROM(shop_value))                                                                               \
    METRIC(GAUGE_CALLBACK, queue, "shop_queue", "Customers that wait.", LABEL(shelf), PROMC_PLAIN)                     \
    METRIC(UNTYPED_CALLBACK, till, "shop_till", "What the till says.", PROMC_NO_LABELS, PROMC_PLAIN)
PROMC_TABLE(shop, SHOP_METRICS);

#endif
