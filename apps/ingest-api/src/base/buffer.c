/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

void buffer_add(struct buffer *buffer, const char *bytes, size_t n)
{
    if (buffer->failed)
        return;
    if (buffer->used + n + 1 > buffer->size) {
        size_t size = (buffer->used + n + 1) * 2;
        char *data = realloc(buffer->data, size);
        if (!data) {
            buffer->failed = true;
            return;
        }
        buffer->data = data;
        buffer->size = size;
    }
    memcpy(buffer->data + buffer->used, bytes, n);
    buffer->used += n;
    buffer->data[buffer->used] = '\0';
}
