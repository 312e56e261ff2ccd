/* SPDX-License-Identifier: Apache-2.0 */
#include "db/array.h"

/*
 * The format: dimensions, whether there is a NULL, the type, the number of elements (at COUNT_AT), the first index;
 * then for each element its length (-1 for NULL) and its bytes.
 */
#define COUNT_AT 12

static void put(char out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(value >> (24 - 8 * i));
}

static void add(struct text *array, uint32_t value)
{
    char bytes[4];
    put(bytes, value);
    text_add_n(array, bytes, sizeof(bytes));
}

void db_array_begin(struct text *array, enum db_array_of type)
{
    array->length = 0;
    add(array, 1);
    add(array, 1);
    add(array, type);
    add(array, 0);
    add(array, 1);
}

void db_array_add(struct text *array, const void *data, size_t length)
{
    if (array->length <= COUNT_AT + 4)
        return; /* it has overflowed */
    uint32_t n = 0;
    for (int i = 0; i < 4; i++)
        n = n << 8 | (unsigned char)array->data[COUNT_AT + i];
    put(array->data + COUNT_AT, n + 1);
    add(array, data ? (uint32_t)length : UINT32_MAX);
    if (data)
        text_add_n(array, data, length);
}
