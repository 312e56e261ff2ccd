/* SPDX-License-Identifier: Apache-2.0 */
/* compile_table.sh compiles it as C and C++: unchanged, and with each MISSPELT_*, which the compiler must refuse. */
#include "table_shop.h"

PROMC_TABLE_DEFINE(shop, SHOP_METRICS);

double shop_value(void *user)
{
    (void)user;
    return 1;
}

#ifdef MISSPELT_OPEN
#define OTHER_METRICS(METRIC, LABEL, OPEN) \
    METRIC(COUNTER, orders, "other_orders_total", "Orders.", OPEN("customer"), PROMC_PLAIN)
PROMC_TABLE(other, OTHER_METRICS);
#endif
#ifdef MISSPELT_TYPE
#define OTHER_METRICS(METRIC, LABEL, OPEN) METRIC(COUNTR, orders, "o_total", "Orders.", PROMC_NO_LABELS, PROMC_PLAIN)
PROMC_TABLE(other, OTHER_METRICS);
#endif
#ifdef MISSPELT_STATES
#define OTHER_METRICS(METRIC, LABEL, OPEN) METRIC(STATESET, at, "o", "At.", PROMC_NO_LABELS, PROMC_STATES(shop_mod))
PROMC_TABLE(other, OTHER_METRICS);
PROMC_TABLE_DEFINE(other, OTHER_METRICS);
#endif
#ifdef MISSPELT_LABEL
#define OTHER_METRICS(METRIC, LABEL, OPEN) METRIC(COUNTER, orders, "o_total", "Orders.", LABEL(shop_metod), PROMC_PLAIN)
PROMC_TABLE(other, OTHER_METRICS);
#endif

int shop_use(promc_registry *registry, const char *customer);
int shop_use(promc_registry *registry, const char *customer)
{
    int rc = promc_table_register(registry, &shop_table, &shop);
    promc_counter_inc(shop.orders[METHOD_POST][RESULT_OK]);
    const char *const values[] = {customer, PROMC_VALUE(shop_result, RESULT_LOST)};
    promc_counter mails;
    if (rc == 0 && promc_counter_get(shop.mails, values, &mails) == 0)
        promc_counter_inc(mails);
#ifdef MISSPELT_METRIC
    promc_counter_inc(shop.oders[METHOD_POST][RESULT_OK]);
#endif
#ifdef MISSPELT_VALUE
    promc_counter_inc(shop.orders[METHOD_PSOT][RESULT_OK]);
#endif
#ifdef MISSPELT_LOOKUP
    promc_counter_inc(promc_counter_with(shop.mails, customer, PROMC_VALUE(shop_result, RESULT_LSOT)));
#endif
#ifdef MISSPELT_UPDATE
    promc_histogram_observe(shop.price[RESULT_OK], 1); /* a summary is not a histogram */
#endif
#ifdef MISSPELT_STATE
    promc_stateset_select(shop.mode, values, PROMC_VALUE(shop_mode, MODE_OPNE));
#endif
#ifdef MISSPELT_SET
    promc_gauge_set(shop.customers, 1); /* an up-down gauge has no set */
#endif
    return rc;
}
