/* SPDX-License-Identifier: Apache-2.0 */
#include "series/record.h"

/* How many free records are tried for a new family. If a module is loaded again, its former records are among the first. */
#define TRIED_MOST 32

void promc_record_free(struct promc_arena *arena, struct promc_family_data *data)
{
    promc_store(&data->next, arena->header->free_records);
    arena->header->free_records = promc_ref_of(arena, data);
}

struct promc_family_data *promc_record_make(struct promc_arena *arena, struct promc_family_data *(*make)(void *user),
                                            void *user)
{
    struct promc_arena_header *header = arena->header;
    promc_ref *link = &header->free_records;
    for (int i = 0; *link != 0 && i < TRIED_MOST; i++) {
        struct promc_family_data *record = promc_at(arena, *link);
        promc_ref next = record->next;
        uint32_t bytes = record->record_bytes;
        promc_arena_window(arena, *link, bytes);
        struct promc_family_data *data = make(user);
        promc_arena_window(arena, 0, 0);
        record->record_bytes = bytes; /* the rest of it stays part of the record */
        if (data) {
            *link = next;
            return data;
        }
        record->next = next;
        link = &record->next;
    }
    uint64_t start = header->meta_used;
    struct promc_family_data *data = make(user);
    if (data)
        data->record_bytes = (uint32_t)(header->meta_used - start);
    return data;
}
