/* SPDX-License-Identifier: Apache-2.0 */
/* The testkit's strict parser accepts or refuses any text without a crash, and gives a reason for a refusal. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum promc_format formats[] = {PROMC_FORMAT_TEXT, PROMC_FORMAT_OPENMETRICS};
    for (size_t i = 0; i < 2; i++) {
        char *report = NULL;
        int code = promc_testkit_check((const char *)data, size, formats[i], &report);
        if ((code == PROMC_E_INVALID) != (report != NULL))
            abort();
        free(report);
    }
    return 0;
}
