/* SPDX-License-Identifier: Apache-2.0 */
/* The table that test_table.c, compile_table.c and C++ read. */
#ifndef PROMC_TESTS_TABLE_SHOP_H
#define PROMC_TESTS_TABLE_SHOP_H

#include <promc/table.h>

#define SHOP_METHODS(VALUE) VALUE(METHOD_GET, "get") VALUE(METHOD_POST, "post")
PROMC_LABEL(shop_method, "method", SHOP_METHODS);
#define SHOP_RESULTS(VALUE) VALUE(RESULT_OK, "ok") VALUE(RESULT_REFUSED, "refused") VALUE(RESULT_LOST, "lost")
PROMC_LABEL(shop_result, "result", SHOP_RESULTS);

/* a label whose enum and texts are somebody else's */
enum shelf { SHELF_TOP, SHELF_BOTTOM, SHELVES };
static const char *const shelf_values[] = {"top", "bottom"};
PROMC_LABEL_OF(shelf, "shelf", SHELVES);

static const double shop_seconds[] = {.01, .1, 1};

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
    METRIC(UPDOWN_FAMILY, baskets, "shop_baskets", "Baskets in use.", OPEN("colour"), PROMC_PLAIN)
PROMC_TABLE(shop, SHOP_METRICS);

#endif
