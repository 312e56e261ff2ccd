/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter's request parser handles any bytes without a crash, finds the end however they are cut, and has one length for the body. */
#include "../lib/promc-exporter/src/http.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct promc_exporter_http_scan whole = {0}, cut = {0};
    struct promc_exporter_http_request request;
    const char *why = NULL;
    long end = promc_exporter_http_end(&whole, (const char *)data, size), found = 0;
    for (size_t i = 1; i <= size && found == 0; i++)
        found = promc_exporter_http_end(&cut, (const char *)data, i);
    if (found != end)
        abort();
    if (end <= 0)
        return 0;
    size_t length = (size_t)end - whole.start;
    char *head = malloc(length + 1);
    if (!head)
        abort();
    memcpy(head, data + whole.start, length);
    head[length] = '\0';
    unsigned status = promc_exporter_http_read(head, length, &request, &why);
    if (status != 0 ? status < 400 || !why
                    : !request.method || !request.path || (request.chunked && request.has_length))
        abort();
    free(head);
    return 0;
}
