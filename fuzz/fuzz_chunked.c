/* SPDX-License-Identifier: Apache-2.0 */
/* A chunked body is read the same in pieces of any size. So is a head. */
#include "fuzz.h"
#include "http/chunked.h"
#include "http/head.h"

#include <stdbool.h>

struct outcome {
    enum chunked_result result;
    size_t used, length;
    uint64_t hash;
};

static struct outcome read_in_pieces(const uint8_t *data, size_t size, size_t step)
{
    struct outcome out = {.result = CHUNKED_MORE};
    struct chunked chunked = {0};
    while (out.used < size && out.result < CHUNKED_END) {
        const char *piece;
        size_t n = size - out.used < step ? size - out.used : step, used, length;
        out.result = chunked_read(&chunked, (const char *)data + out.used, n, &used, &piece, &length);
        if (used > n || (used == 0 && out.result == CHUNKED_MORE))
            abort();
        out.used += used;
        for (size_t i = 0; out.result == CHUNKED_DATA && i < length; i++)
            out.hash = (out.hash ^ (uint8_t)piece[i]) * UINT64_C(1099511628211);
        out.length += out.result == CHUNKED_DATA ? length : 0;
    }
    if (out.result == CHUNKED_DATA)
        out.result = CHUNKED_MORE;
    return out;
}

static int read_head(const uint8_t *data, size_t size, size_t step, size_t *length)
{
    struct head_scan scan = {0};
    enum head_state state = HEAD_MORE;
    for (size_t have = 0; have < size && state == HEAD_MORE;) {
        have = have + step < size ? have + step : size;
        state = head_scan(&scan, (const char *)data, have, 4096);
    }
    *length = scan.length;
    if (state != HEAD_WHOLE)
        return state == HEAD_REFUSED ? scan.status : -1;
    struct head head;
    const char *fault = NULL, *value = NULL;
    char *bytes = fuzz_text(data, scan.length);
    int status = bytes ? head_parse(&head, &scan, bytes, &fault) : 0;
    if (status && !fault)
        abort();
    if (bytes && !status) {
        if (!head.method || !head.path || (*head.path != '/' && *head.path != '*'))
            abort();
        for (value = head_find(&head, "A"); value; value = head_next(&head, "A", value))
            if (strlen(value) > scan.length)
                abort();
    }
    free(bytes);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = read_in_pieces(data, size, size);
    size_t length, other;
    int status = read_head(data, size, size, &length);
    for (size_t step = 1; step < 6; step += 2) {
        struct outcome out = read_in_pieces(data, size, step);
        if (out.result != whole.result || out.length != whole.length || out.hash != whole.hash ||
            (out.result == CHUNKED_END && out.used != whole.used))
            abort();
        if (read_head(data, size, step, &other) != status || (status == 0 && other != length))
            abort();
    }
    return 0;
}
