/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into a loop of ingest-api's HTTP front: each request gets one answer, is counted with its status, and leaks nothing. */
#include "front_fixture.h"
#include "fuzz.h"

/* The first byte selects how the client ends and the size of its pieces; the rest is what it sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct front *front;
    static struct front_client client;
    if (size == 0)
        return 0;
    if (!front)
        front = front_open();
    enum front_end end = (enum front_end)(data[0] % 3);
    size_t step = (size_t)1 << (data[0] / 3 % 16);
    front_connect(front, &client);
    front_send(front, &client, data + 1, size - 1, step < 8 && size > 4096 ? 8 : step);
    front_finish(front, &client, end);
    front_check(&client, end);
    return 0;
}
