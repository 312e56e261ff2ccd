/* SPDX-License-Identifier: Apache-2.0 */
/* Any Accept header gives settings that have a content type. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *accept = fuzz_text(data, size);
    promc_scrape_settings settings = {0};
    if (!accept)
        return 0;
    promc_negotiate(accept, &settings);
    const char *type = promc_content_type(&settings);
    if (!type || strlen(type) < 10 || settings.format > PROMC_FORMAT_PROTOBUF ||
        settings.escaping > PROMC_ESCAPING_VALUES)
        abort();
    free(accept);
    return 0;
}
