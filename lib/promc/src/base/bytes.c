/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdlib.h>

char *promc_bytes_reserve(struct promc_bytes *bytes, size_t more)
{
    if (bytes->failed)
        return NULL;
    if (!bytes->data || bytes->capacity - bytes->length < more) {
        size_t capacity = bytes->capacity * 2 > bytes->length + more ? bytes->capacity * 2 : bytes->length + more + 256;
        char *data = realloc(bytes->data, capacity);
        if (!data) {
            bytes->failed = true;
            return NULL;
        }
        bytes->data = data;
        bytes->capacity = capacity;
    }
    return bytes->data + bytes->length;
}

void promc_bytes_append(struct promc_bytes *bytes, const char *data, size_t length)
{
    char *out = promc_bytes_reserve(bytes, length);
    if (out && length > 0) {
        memcpy(out, data, length);
        bytes->length += length;
    }
}

void promc_bytes_free(struct promc_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct promc_bytes){0};
}
