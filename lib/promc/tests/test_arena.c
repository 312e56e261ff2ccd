/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations in the arena: their sizes, their reuse, and the reported memory in use. */
#include "arena/registry.h"
#include "util.h"

/* Allocate a block of so many bytes. @return how many bytes the arena has grown. */
static size_t grows_by(struct promc_arena *arena, size_t bytes, promc_ref *block, uint16_t *size_class)
{
    const size_t before = promc_arena_used(arena);
    *block = promc_arena_block(arena, bytes, size_class);
    assert_true(*block != 0);
    return promc_arena_used(arena) - before;
}

static void a_block_is_at_most_a_quarter_larger(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    for (size_t bytes = 1; bytes < 200000; bytes += 1 + bytes / 9) {
        promc_ref block, other, again;
        uint16_t class, same;
        const size_t taken = grows_by(&registry->arena, bytes, &block, &class);
        assert_in_range(taken, bytes, bytes + bytes / 4 + PROMC_ALIGN);
        memset(promc_at(&registry->arena, block), 0xff, taken); /* the whole block may be written */
        (void)grows_by(&registry->arena, bytes, &other, &same);
        assert_int_equal(same, class);
        promc_arena_block_free(&registry->arena, block, class);
        promc_arena_block_free(&registry->arena, other, class);
        /* Blocks of a size class are reused, the last freed one first. */
        assert_int_equal(grows_by(&registry->arena, bytes, &again, &same), 0);
        assert_int_equal(again, other);
        assert_int_equal(grows_by(&registry->arena, taken, &again, &same), 0);
        assert_int_equal(again, block);
        assert_true(grows_by(&registry->arena, taken, &again, &same) > 0);
    }
    promc_registry_destroy(registry);
}

/* Eight bytes per cell, in each shard in use. */
static void cells_count_in_each_shard(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_counter_inc(promc_counter_with(new_counter(registry, "c", "x"), "1")); /* this thread has a shard */
    struct promc_arena *arena = &registry->arena;
    const size_t shards = arena->header->shards_used + arena->header->shared_used;
    assert_true(shards > 0);
    const size_t before = promc_arena_used(arena);
    const uint32_t run = promc_arena_run(arena, 100);
    assert_true(run != 0);
    assert_int_equal(promc_arena_used(arena) - before, shards * 100 * 8);
    promc_arena_run_free(arena, run, 100);
    assert_int_equal(promc_arena_run(arena, 100), run);
    assert_int_equal(promc_arena_used(arena) - before, shards * 100 * 8);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_at_most_a_quarter_larger),
        cmocka_unit_test(cells_count_in_each_shard),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
