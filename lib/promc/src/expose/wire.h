/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file wire.h
 * Writing protocol buffers. https://protobuf.dev/programming-guides/encoding/
 *
 * Lengths and counts are written as varints of a *fixed* width, padded with continuation bytes (`0x80 0x00` is 0 in two bytes). Every
 * decoder accepts them. So the size of a message depends only on its labels, and can be written before the message.
 */
#ifndef PROMC_EXPOSE_WIRE_H
#define PROMC_EXPOSE_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PROMC_WIRE_VARINT = 0, PROMC_WIRE_FIXED64 = 1, PROMC_WIRE_BYTES = 2 };

/** A tag; fields up to 15 take one byte. */
#define PROMC_WIRE_TAG(field, type) ((char)((field) << 3 | (type)))

static inline size_t promc_wire_varint_size(uint64_t n)
{
    size_t size = 1;
    for (; n >= 0x80; n >>= 7)
        size++;
    return size;
}

static inline char *promc_wire_varint(char *out, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        *out++ = (char)(n | 0x80);
    *out++ = (char)n;
    return out;
}

/** A varint of exactly `width` bytes; n must fit into 7 × width bits. */
static inline char *promc_wire_padded(char *out, uint64_t n, unsigned width)
{
    for (; width > 1; width--, n >>= 7)
        *out++ = (char)(n | 0x80);
    *out++ = (char)(n & 0x7f);
    return out;
}

/** Every NaN is written with the same bits, because Prometheus has a NaN (0x7ff0000000000002) that means the series has ended. */
static inline char *promc_wire_double(char *out, double value)
{
    uint64_t bits = UINT64_C(0x7ff8000000000001); /* Go's, which is Prometheus' normal NaN */
    if (value == value)
        memcpy(&bits, &value, sizeof(bits));
    for (int i = 0; i < 8; i++)
        out[i] = (char)(bits >> (8 * i)); /* little-endian on any machine; compilers make one store of it */
    return out + 8;
}

static inline char *promc_wire_bytes(char *out, const char *data, size_t length)
{
    memcpy(out, data, length);
    return out + length;
}

#endif
