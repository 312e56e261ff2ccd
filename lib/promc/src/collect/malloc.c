/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of glibc's malloc. */
#include "collect/measured.h"

#include <promc/collect.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

enum { ARENA, MAPPED, MAPPED_CHUNKS, ALLOCATED, FREE, FREE_CHUNKS, RELEASABLE, METRICS };

static const struct promc_measure table[METRICS] = {
    [ARENA] = {"malloc_arena_bytes",
               "Bytes malloc obtained from the system, without mmapped chunks.",
               "bytes",
               PROMC_GAUGE,
               {0},
               {0}},
    [MAPPED] = {"malloc_mapped_bytes", "Bytes in mmapped chunks.", "bytes", PROMC_GAUGE, {0}, {0}},
    [MAPPED_CHUNKS] = {"malloc_mapped_chunks", "Number of mmapped chunks.", NULL, PROMC_GAUGE, {0}, {0}},
    [ALLOCATED] = {"malloc_allocated_bytes",
                   "Bytes allocated by the program, without mmapped chunks.",
                   "bytes",
                   PROMC_GAUGE,
                   {0},
                   {0}},
    [FREE] = {"malloc_free_bytes", "Bytes freed by the program and kept by malloc.", "bytes", PROMC_GAUGE, {0}, {0}},
    [FREE_CHUNKS] = {"malloc_free_chunks", "Free chunks kept by malloc.", NULL, PROMC_GAUGE, {0}, {0}},
    [RELEASABLE] = {"malloc_releasable_bytes",
                    "Bytes at the top of the heap that malloc_trim could release.",
                    "bytes",
                    PROMC_GAUGE,
                    {0},
                    {0}},
};

static int measure(void *state, struct promc_measurements *out)
{
    (void)state;
#ifdef PROMC_HAS_MALLINFO2
    struct mallinfo2 info = mallinfo2();
    if (info.arena + info.hblkhd == 0)
        return 0; /* malloc belongs to another library (jemalloc, a sanitizer): glibc's figures mean nothing */
    promc_measured_set(out, ARENA, (double)info.arena);
    promc_measured_set(out, MAPPED, (double)info.hblkhd);
    promc_measured_set(out, MAPPED_CHUNKS, (double)info.hblks);
    promc_measured_set(out, ALLOCATED, (double)info.uordblks);
    promc_measured_set(out, FREE, (double)info.fordblks);
    promc_measured_set(out, FREE_CHUNKS, (double)info.ordblks);
    promc_measured_set(out, RELEASABLE, (double)info.keepcost);
#else
    (void)out;
#endif
    return 0;
}

const struct promc_measured_source promc_measured_malloc = {"malloc", table, METRICS, measure, 0};

int promc_collect_malloc(promc_registry *registry)
{
    return promc_measured_register(registry, &promc_measured_malloc, "");
}
