/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/email_fate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>

static void test_final_states_stay(void **state)
{
    static const enum email_state final[] = {EMAIL_ACCEPTED, EMAIL_REFUSED_RECIPIENT, EMAIL_IN_DOUBT, EMAIL_SKIPPED};

    (void)state;
    for (int event = 0; event < EMAIL_EVENTS; event++) {
        for (size_t i = 0; i < sizeof(final) / sizeof(*final); i++) {
            const struct email_rule *rule = email_fate(final[i], (enum email_event)event);
            assert_int_equal(rule->to, final[i]);
            assert_int_equal(rule->action, EMAIL_ACT_DONE);
            assert_int_equal(rule->attempt, EMAIL_NOT_TRIED);
        }
    }
}

/* Every outcome of the transport has a row and is an attempt. The attempt is not spent if the fault is not the email's. */
static void test_every_outcome_has_its_row(void **state)
{
    (void)state;
    for (int event = EMAIL_ON_ACCEPT; event < EMAIL_EVENTS; event++) {
        const struct email_rule *rule = email_fate(EMAIL_SENDING, (enum email_event)event);
        assert_int_equal(rule->event, event);
        assert_int_not_equal(rule->to, EMAIL_SENDING);
        assert_int_equal(rule->attempt == EMAIL_NOT_TRIED, event == EMAIL_ON_HOLD || event == EMAIL_ON_STOP);
        assert_int_equal(rule->unspent, event == EMAIL_ON_SENDER_REFUSAL || event == EMAIL_ON_AWAY ||
                                            rule->attempt == EMAIL_NOT_TRIED);
    }
    assert_int_equal(email_fate(EMAIL_SENDING, EMAIL_ON_SKIP)->attempt,
                     EMAIL_NOT_TRIED);                                              /* not handed to the transport */
    assert_int_equal(email_fate(EMAIL_SENDING, EMAIL_ON_CLAIM)->to, EMAIL_SENDING); /* a second claim changes nothing */
    assert_int_equal(email_fate(EMAIL_SENDING, EMAIL_ON_CLAIM)->action, EMAIL_ACT_DONE);
    assert_int_equal(email_fate(EMAIL_SENDING, EMAIL_ON_REDELIVERY)->action, EMAIL_ACT_ASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_final_states_stay),
        cmocka_unit_test(test_every_outcome_has_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
