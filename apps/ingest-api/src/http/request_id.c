/* SPDX-License-Identifier: Apache-2.0 */
#include "http/request_id.h"

#include "base/text.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void request_ids_init(struct request_ids *ids)
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned char random[16];
    if (getentropy(random, sizeof(random)) != 0) {
        /* no random bytes: make the prefix at least unlike any other of this machine */
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t mix =
            (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20 ^ (uint64_t)(uintptr_t)ids ^ (uint64_t)getpid() << 40;
        for (size_t i = 0; i < sizeof(random); i++) {
            mix = mix * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            random[i] = (unsigned char)(mix >> 56);
        }
    }
    for (size_t i = 0; i < 16; i++)
        ids->prefix[i] = alphabet[random[i] & 31];
    ids->prefix[16] = '\0';
    ids->next = 1;
}

static bool is_sane(const char *id)
{
    for (int i = 0; i < REQUEST_ID_SIZE; i++) {
        char c = id[i], lower = (char)(c | 0x20);
        if (c == '\0')
            return i > 0;
        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return false;
}

void request_id_set(struct request_ids *ids, const char *given, char out[REQUEST_ID_SIZE])
{
    struct text text;
    text_init(&text, out, REQUEST_ID_SIZE - 1);
    if (given && is_sane(given)) {
        text_add(&text, given);
    } else {
        text_add_n(&text, ids->prefix, 16);
        text_add_n(&text, "-", 1);
        text_add_u64(&text, ids->next++);
    }
    out[text.length] = '\0';
}
