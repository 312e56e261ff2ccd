/* SPDX-License-Identifier: Apache-2.0 */
/* Several keys of an organisation, and their revocation. */
#include "data/keys.h"
#include "store_fixture.h"

#include "base/uuid.h"

struct step {
    const char *organisation, *id;
    unsigned char hash[KEY_HASH];
    int rows, live;
    char found[37], ids[4][KEY_ID + 1];
};

static int add(void *arg, struct db *db)
{
    struct step *step = arg;
    return keys_add(db, step->organisation, step->hash, 1000);
}

static void on_row(void *arg, const char *id, int64_t created_ms, int64_t revoked_ms)
{
    struct step *step = arg;
    must(created_ms > 0 && strlen(id) == KEY_ID && step->rows < 4);
    snprintf(step->ids[step->rows++], KEY_ID + 1, "%s", id);
    step->live += revoked_ms == 0;
}

static int list(void *arg, struct db *db)
{
    struct step *step = arg;
    step->rows = step->live = 0;
    return keys_list(db, step->organisation, on_row, step);
}

static int revoke_one(void *arg, struct db *db)
{
    struct step *step = arg;
    return keys_revoke(db, step->organisation, step->id, 2000);
}

static int find(void *arg, struct db *db)
{
    struct step *step = arg;
    return organisations_find_by_key(db, step->hash, step->found);
}

static int in(struct fixture *f, int (*run)(void *arg, struct db *db), struct step *step)
{
    return store_run(f->store, run == list || run == find ? STORE_MODE_READ : STORE_MODE_WRITE, run, step);
}

static void several_keys_are_valid_until_they_are_revoked(void **state)
{
    struct fixture *f = *state;
    struct step step = {.organisation = f->organisation};
    char id[KEY_ID + 1], first[KEY_ID + 1];
    memset(step.hash, 0xc3, sizeof(step.hash));
    step.hash[0] = 0x0a; /* hex digits: a letter, and 0 */
    keys_id(step.hash, id);
    assert_string_equal(id, "0ac3c3c3c3c3");
    assert_int_equal(in(f, list, &step), DB_OK);
    assert_int_equal(step.rows, 1);
    snprintf(first, sizeof(first), "%s", step.ids[0]);
    assert_int_equal(in(f, add, &step), DB_OK);
    assert_int_equal(in(f, add, &step), DB_E_CONFLICT);
    assert_int_equal(in(f, list, &step), DB_OK);
    assert_int_equal(step.rows, 2);
    assert_int_equal(step.live, 2);
    assert_int_equal(in(f, find, &step), DB_OK);
    assert_string_equal(step.found, f->organisation);

    step.id = id;
    assert_int_equal(in(f, revoke_one, &step), DB_OK);
    assert_int_equal(in(f, revoke_one, &step), DB_OK); /* a second time: it stays revoked */
    assert_int_equal(in(f, find, &step), DB_E_NOT_FOUND);
    assert_int_equal(in(f, list, &step), DB_OK);
    assert_int_equal(step.rows, 2);
    assert_int_equal(step.live, 1);
    assert_int_equal(in(f, add, &step), DB_E_CONFLICT); /* a revoked key cannot be added again */

    step.id = first; /* "One" and zeros: made by the fixture */
    memset(step.hash, 0, sizeof(step.hash));
    memcpy(step.hash, "One", 3);
    assert_int_equal(in(f, find, &step), DB_OK);
    assert_int_equal(in(f, revoke_one, &step), DB_OK);
    assert_int_equal(in(f, find, &step), DB_E_NOT_FOUND);
}

static void only_keys_of_the_organisation(void **state)
{
    struct fixture *f = *state;
    struct step step = {.organisation = f->organisation}, wrong = {0};
    char nobody[UUID_TEXT];
    unsigned char uuid[16];
    assert_int_equal(in(f, list, &step), DB_OK);
    wrong.organisation = f->other;
    wrong.id = step.ids[0];
    assert_int_equal(in(f, revoke_one, &wrong), DB_E_NOT_FOUND);
    uuid_new(uuid);
    uuid_format(uuid, nobody);
    wrong.organisation = nobody;
    assert_int_equal(in(f, revoke_one, &wrong), DB_E_NOT_FOUND);
    assert_int_equal(in(f, list, &wrong), DB_E_NOT_FOUND);
    assert_int_equal(in(f, add, &wrong), DB_E_NOT_FOUND);
    wrong.organisation = "' OR 1 = 1 --";
    assert_int_equal(in(f, list, &wrong), DB_E_INVALID);
    wrong.organisation = f->organisation;
    static const char *const bad[] = {"", "%", "4f6e65", "4F6E65000000", "4f6e6500000000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        wrong.id = bad[i];
        assert_int_equal(in(f, revoke_one, &wrong), DB_E_INVALID);
    }
    assert_int_equal(in(f, list, &step), DB_OK);
    assert_int_equal(step.live, 1);
}

static void an_ambiguous_key_id_is_refused(void **state)
{
    struct fixture *f = *state;
    struct step step = {.organisation = f->organisation, .id = "777777777777"};
    memset(step.hash, 0x77, sizeof(step.hash));
    assert_int_equal(in(f, add, &step), DB_OK);
    step.hash[KEY_HASH - 1] = 0x78;
    assert_int_equal(in(f, add, &step), DB_OK);
    assert_int_equal(in(f, revoke_one, &step), DB_E_CONFLICT);
    assert_int_equal(in(f, list, &step), DB_OK);
    assert_int_equal(step.live, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(several_keys_are_valid_until_they_are_revoked, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(only_keys_of_the_organisation, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_ambiguous_key_id_is_refused, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
