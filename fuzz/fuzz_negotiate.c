/* SPDX-License-Identifier: Apache-2.0 */
/* Any Accept header gives settings that have a content type. */
#include <promc/promc.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *accept = malloc(size + 1);
    promc_scrape_settings settings = {0};
    if (!accept)
        return 0;
    if (size > 0)
        memcpy(accept, data, size);
    accept[size] = '\0';
    promc_negotiate(accept, &settings);
    const char *type = promc_content_type(&settings);
    if (!type || strlen(type) < 10 || settings.format > PROMC_FORMAT_PROTOBUF ||
        settings.escaping > PROMC_ESCAPING_VALUES)
        abort();
    free(accept);
    return 0;
}
