/* SPDX-License-Identifier: Apache-2.0 */
#include "base/owner.h"
#include "data/imports.h"
#include "import/import.h"
#include "import/prospect.h"
#include "import/recover.h"
#include "store_fixture.h"

static bool clear; /* whether empty values clear */

struct call {
    struct import_request request;
    struct import_result result;
    struct import_fault fault;
    int passed;
};

static int run_import(void *arg, struct db *db)
{
    struct call *call = arg;
    return import_run(db, &call->request, &call->result, &call->fault);
}

/* Overwrite the part that was read: it must not be read again. */
static void spoil(void *arg, const char *up_to)
{
    struct call *call = arg;
    memset((char *)call->request.source.body, '"', (size_t)(up_to - call->request.source.body));
    call->passed++;
}

static int import_text(struct fixture *f, enum import_format format, const char *text, size_t length, struct call *call)
{
    *call = (struct call){.request = {.organisation_id = f->organisation,
                                      .request_id = "req-1",
                                      .source = {.format = format,
                                                 .charset = "",
                                                 .body = text,
                                                 .length = length,
                                                 .clear = clear,
                                                 .progress = {spoil, call}}}};
    return store_run(f->store, STORE_MODE_WRITE, run_import, call);
}

/* "imported/updated/rejected [line field reason] … (line column field reason)": refused rows in [], dropped values in () */
static char *outcome(struct fixture *f, enum import_format format, const char *text)
{
    static char out[4096];
    struct call call;
    json_t *error;
    size_t i, n;

    int rc = import_text(f, format, text, strlen(text), &call);
    if (rc != IMPORT_OK) {
        (void)snprintf(out, sizeof(out), "%s %s: %s", rc == IMPORT_FAULT ? "fault" : db_error_name(rc), call.fault.code,
                       call.fault.message);
        import_result_clear(&call.result);
        return out;
    }
    n = (size_t)snprintf(out, sizeof(out), "%d/%d/%d", (int)call.result.imported, (int)call.result.updated,
                         (int)call.result.rejected);
    json_array_foreach(call.result.errors, i, error)
    {
        const char *field = json_string_value(json_object_get(error, "field"));
        n += (size_t)snprintf(out + n, sizeof(out) - n, " [%d %s %s]",
                              (int)json_integer_value(json_object_get(error, "line")), field ? field : "-",
                              json_string_value(json_object_get(error, "reason")));
    }
    json_array_foreach(call.result.warnings, i, error)
    {
        n += (size_t)snprintf(
            out + n, sizeof(out) - n, " (%d %d %s %s)", (int)json_integer_value(json_object_get(error, "line")),
            (int)json_integer_value(json_object_get(error, "column")),
            json_string_value(json_object_get(error, "field")), json_string_value(json_object_get(error, "reason")));
    }
    import_result_clear(&call.result);
    return out;
}

static int copy_row(void *arg, const struct prospect *row)
{
    char *out = arg;
    size_t n = 0;
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        n += (size_t)snprintf(out + n, 1024 - n, "%s|", row->field[i] ? row->field[i] : "");
    (void)snprintf(out + n, 1024 - n, "%s", row->custom ? row->custom : "");
    return 0;
}

struct find {
    const char *organisation;
    struct prospect_filter filter;
    char text[1024];
};

static int run_find(void *arg, struct db *db)
{
    struct find *find = arg;
    int rc = prospects_page(db, find->organisation, NULL, 1, &find->filter, copy_row, find->text, NULL);
    return rc < 0 ? rc : DB_OK;
}

static char *row_of(struct fixture *f, const char *email)
{
    static struct find find;
    find = (struct find){.organisation = f->organisation, .filter = {.status = -1, .email = email}};
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_find, &find), DB_OK);
    return find.text;
}

static void test_csv(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(outcome(f, IMPORT_CSV,
                                "\xef\xbb\xbf"
                                "E-Mail Address,email,First Name,Favourite Colour,company\r\n"
                                "x, Ada@Example.com ,Ada,\"deep \"\"blue\"\"\",\"Acme, Ltd\"\r\n"
                                "x,bob@example.com,,,\"two\nlines\"\r\n"),
                        "2/0/0");
    assert_string_equal(row_of(f, "ada@example.com"),
                        "ada@example.com|Ada||Acme, Ltd|||||{\"e_mail_address\":\"x\",\"favourite_colour\":\"deep "
                        "\\\"blue\\\"\"}");
    assert_string_equal(row_of(f, "bob@example.com"), "bob@example.com|||two lines|||||{\"e_mail_address\":\"x\"}");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs WHERE queue = 'prospect.validate'"), 1);
}

/* Lengths are in characters, as docs/openapi.yaml says: a character of two or four bytes counts as one. */
static void test_lengths_are_characters(void **state)
{
    struct fixture *f = *state;
    char name[2 * 201 + 1] = "", note[4 * 2001 + 1] = "", csv[16384];

    for (int i = 0; i < 201; i++)
        memcpy(name + 2 * i, "\xc3\xa9", 2);
    for (int i = 0; i < 2001; i++)
        memcpy(note + 4 * i, "\xf0\x9f\x9a\x80", 4);
    (void)snprintf(csv, sizeof(csv), "email,first_name,note\nfits@example.com,%.400s,%.8000s\n", name, note);
    assert_string_equal(outcome(f, IMPORT_CSV, csv), "1/0/0");
    (void)snprintf(csv, sizeof(csv), "email,first_name,note\na@example.com,%s,\nb@example.com,,%s\n", name, note);
    assert_string_equal(outcome(f, IMPORT_CSV, csv),
                        "1/0/1 [2 first_name too_long] (3 3 note too_long)"); /* the value is dropped, not the row */
}

static void test_bad_rows_do_not_spoil_the_others(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(outcome(f, IMPORT_CSV,
                                "email,first_name,note\n"
                                "good1@example.com,A,x\n"
                                "nobody,B,x\n"
                                ",C,x\n"
                                "short@example.com,D\n"
                                "long@example.com,E,x,y\n"
                                "quote@example.com,F\"F,x\n"
                                "\n"
                                "latin@example.com,M\xfcller,\xc3\xa9\n"
                                "bell@example.com,\a,x\n"
                                "good2@example.com,G,x\n"
                                "open@example.com,\"H,x\n"
                                "good3@example.com,I,x\n"),
                        "5/0/6 [3 email invalid_email] [4 email missing] [6 - too_many_columns]"
                        " [9 first_name invalid_utf8] [10 first_name control_character]"
                        " [12 first_name unterminated_quote]");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 5);
    assert_string_equal(row_of(f, "short@example.com"),
                        "short@example.com|D|||||||"); /* a missing cell is an absent value */
    assert_string_equal(row_of(f, "quote@example.com"), "quote@example.com|F\"F|||||||{\"note\":\"x\"}");
}

static void test_duplicates_and_known_rows_are_updates(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(outcome(f, IMPORT_CSV, "email,first_name,last_name\na@b.co,A,One\nA@B.CO,,Two\n"), "1/1/0");
    assert_string_equal(row_of(f, "a@b.co"), "a@b.co|A|Two||||||"); /* an absent field is kept */
    assert_string_equal(outcome(f, IMPORT_JSON, "[{\"email\": \"a@b.co\", \"first_name\": \"New\"}]"), "0/1/0");
    assert_string_equal(row_of(f, "a@b.co"), "a@b.co|New|Two||||||");
}

static void test_json(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(outcome(f, IMPORT_JSON,
                                "[{\"Email\": \"a@b.co\", \"phone\": 41791234567, \"score\": 0.1, \"vip\": true,\n"
                                "  \"custom_fields\": {\"note\": \"x\\ny\", \"none\": null}},\n"
                                " {\"email\": \"c@d.ef\", \"title\": {\"a\": 1}},\n"
                                " {\"email\": \"c@d.ef\", \"EMAIL\": \"c@d.ef\"},\n"
                                " {\"email\": \"c@d.ef\", \"x y\": 1, \"x_y\": 1},\n"
                                " {\"email\": \"c@d.ef\", \"\": 1}, 7, {\"email\": null}, {\"email\": \"c@d.ef\",},\n"
                                " {\"email\": \"g@h.ij\"}]"),
                        "2/0/7 [3 title not_text] [4 email duplicate_field] [5 x_y duplicate_field] [6 - invalid_name]"
                        " [6 - not_an_object] [6 email missing] [6 - invalid_json]");
    assert_string_equal(row_of(f, "a@b.co"),
                        "a@b.co|||||41791234567|||{\"score\":\"0.1\",\"vip\":\"true\",\"note\":\"x\\ny\"}");
    assert_string_equal(outcome(f, IMPORT_NDJSON, "{\"email\":\"n1@b.co\"}\nnope\n\n{\"email\":\"n2@b.co\"}\n"),
                        "2/0/1 [2 - invalid_json]");
}

static void test_json_values(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(
        outcome(f, IMPORT_JSON,
                "[{\"email\":\"a@b.co\",\"firstName\":\"A\",\"price\":1.10,\"big\":9223372036854775808,\"e\":1e3},"
                "{\"email\":\"x\"},"
                "{\"email\":\"c@b.co\",\"firstName\":\"C\",\"first_name\":\"D\"},"
                "{\"email\":\"x@b.co\",\"email\":\"y@b.co\"},{\"email\":\"x@b.co\",\"note\":\"a\\u0000b\"},"
                "{\"email\":\"x@b.co\",\"last_name\":\"\xeb\"}]"),
        "2/0/4 [1 email invalid_email] [1 email duplicate_field] [1 note control_character]"
        " [1 last_name invalid_utf8]");
    assert_string_equal(row_of(f, "a@b.co"),
                        "a@b.co|A|||||||{\"price\":\"1.10\",\"big\":\"9223372036854775808\",\"e\":\"1e3\"}");
    assert_string_equal(row_of(f, "c@b.co"), "c@b.co|D|||||||{\"firstname\":\"C\"}");
}

static void test_custom_fields_are_merged(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(outcome(f, IMPORT_CSV, "email,first_name,plan,city\na@b.co,Ada,gold,Paris\n"), "1/0/0");
    assert_string_equal(outcome(f, IMPORT_CSV, "email,plan,score\na@b.co,,5\nb@b.co,free,\n"), "1/1/0");
    assert_string_equal(row_of(f, "a@b.co"), "a@b.co|Ada|||||||{\"plan\":\"gold\",\"city\":\"Paris\",\"score\":\"5\"}");
    assert_string_equal(outcome(f, IMPORT_CSV, "email\na@b.co\n"), "0/1/0");
    assert_string_equal(row_of(f, "a@b.co"), "a@b.co|Ada|||||||{\"plan\":\"gold\",\"city\":\"Paris\",\"score\":\"5\"}");

    clear = true;
    assert_string_equal(outcome(f, IMPORT_CSV, "email,first_name,plan,score\na@b.co, ,\"\",7\nc@b.co,,,x\n"), "1/1/0");
    assert_string_equal(row_of(f, "a@b.co"), "a@b.co||||||||{\"city\":\"Paris\",\"score\":\"7\"}");
    assert_string_equal(row_of(f, "c@b.co"), "c@b.co||||||||{\"score\":\"x\"}");
    assert_string_equal(
        outcome(f, IMPORT_JSON, "[{\"email\":\"a@b.co\",\"city\":null,\"score\":\"\",\"company\":\"Acme\"}]"), "0/1/0");
    assert_string_equal(row_of(f, "a@b.co"), "a@b.co|||Acme|||||");
    assert_string_equal(outcome(f, IMPORT_CSV, "email,first_name\n,x\n"),
                        "0/0/1 [2 email missing]"); /* the address is never cleared */
    clear = false;
}

/* More filled columns than allowed fields: the prospect gets the first of them, and the others are reported. */
static void test_too_many_custom_fields(void **state)
{
    struct fixture *f = *state;
    char csv[4096], *to = csv;

    to += sprintf(to, "email");
    for (int i = 0; i < PROSPECT_CUSTOM_MAX + 2; i++)
        to += sprintf(to, ",f%d", i);
    to += sprintf(to, "\na@b.co");
    for (int i = 0; i < PROSPECT_CUSTOM_MAX + 2; i++)
        to += sprintf(to, ",%s", i == 3 ? "" : "x");
    assert_string_equal(outcome(f, IMPORT_CSV, csv), "1/0/0 (2 67 f65 too_many_fields)");
}

static void test_a_fault_of_the_whole_file_changes_nothing(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(outcome(f, IMPORT_CSV, ""), "fault empty_body: line 1: the body is empty");
    assert_string_equal(outcome(f, IMPORT_CSV, "\n\n"), "fault empty_body: line 1: the body has no header row");
    assert_string_equal(outcome(f, IMPORT_CSV, "\nname;pla,ce\n"),
                        "fault missing_column: line 2: the header row has no column 'email' (columns are separated by "
                        "commas)");
    assert_string_equal(
        outcome(f, IMPORT_CSV, "name\tplace\n"),
        "fault missing_column: line 1: the header row has no column 'email' (columns are separated by TAB)");
    assert_string_equal(outcome(f, IMPORT_CSV, "a,Email,email\n"),
                        "fault invalid_header: line 1, column 3: 'email' is already the name of column 2 (columns are "
                        "separated by commas)");
    assert_string_equal(outcome(f, IMPORT_CSV, "PK\x03\x04rest"),
                        "fault not_csv: line 1: the body is a workbook of Excel: save it as CSV");
    assert_string_equal(outcome(f, IMPORT_JSON, "[{\"email\":\"a@b.co\"}"),
                        "fault invalid_json: line 1, column 20, index 1: the array is not closed");
    assert_string_equal(outcome(f, IMPORT_JSON, "{\"email\":\"a@b.co\"}"),
                        "fault invalid_json: line 1, column 1, index 0: a JSON array was expected: '[' is missing");
    assert_string_equal(outcome(f, IMPORT_NDJSON, " \n"), "fault empty_body: line 1: the body has no rows");
    assert_string_equal(outcome(f, IMPORT_CSV, "email\n"), "0/0/0");
    assert_string_equal(outcome(f, IMPORT_JSON, "[]"), "0/0/0");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), 0);
}

/* Many rows: each is counted, the list of errors is bounded, and every prospect is in a job. */
static void import_many(struct fixture *f, enum import_format format, const char *head, const char *row)
{
    const int good = 1234, bad = IMPORT_ERRORS_MAX + 5;
    char *text = malloc(200000), *to = text;
    struct call call;

    to = stpcpy(to, head);
    for (int i = 0; i < good || i < bad; i++) {
        if (i < good)
            to += sprintf(to, row, i, "@example.com");
        if (i < bad)
            to += sprintf(to, row, i, "");
    }
    assert_int_equal(import_text(f, format, text, (size_t)(to - text), &call), IMPORT_OK);
    assert_int_equal(call.result.imported + call.result.updated, good);
    assert_int_equal(call.passed, 2);
    assert_int_equal(call.result.rejected, bad);
    assert_int_equal(json_array_size(call.result.errors), IMPORT_ERRORS_MAX);
    assert_true(call.result.errors_truncated);
    assert_int_equal(call.result.jobs, 3);
    import_result_clear(&call.result);
    free(text);
}

static void test_many(void **state)
{
    struct fixture *f = *state;

    import_many(f, IMPORT_CSV, "email\n", "p%d%s\n");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), 3);
    assert_int_equal(fixture_count(f, "SELECT sum(json_array_length(payload, '$.prospects')) FROM tracking.jobs"),
                     1234);
    import_many(f, IMPORT_NDJSON, "", "{\"email\": \"p%d%s\"}\n");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 1234);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

/* ---- slices ---- */

#define MANY 40000 /* more than fits in one slice */

static char *many_rows(const char *first_name)
{
    char *text = malloc(40u * MANY), *to = text;
    assert_non_null(text);
    to += sprintf(to, "email,first_name\n");
    for (int i = 0; i < MANY; i++)
        to += sprintf(to, "p%d@example.com,%s\n", i, first_name);
    return text;
}

struct slice_call {
    struct import *import;
    struct import_result *result;
    bool done;
};

static int run_slice(void *arg, struct db *db)
{
    struct slice_call *call = arg;
    struct import_fault fault;
    return import_slice(db, call->import, &call->done, call->result, &fault);
}

/* @return the number of slices. Without `to_the_end`, the import is abandoned after the second. */
static int in_slices(struct fixture *f, const char *text, bool to_the_end, struct import_result *result)
{
    struct import_request request = {
        .organisation_id = f->organisation,
        .request_id = "r",
        .source = {.format = IMPORT_CSV, .charset = "", .body = text, .length = strlen(text)}};
    struct import_fault fault;
    struct slice_call call = {.result = result};
    int slices = 0;
    assert_int_equal(import_open(&call.import, &request, result), IMPORT_OK);
    assert_int_equal(import_check(call.import, result, &fault), IMPORT_OK);
    while (!call.done && (to_the_end || slices < 2)) {
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_slice, &call), IMPORT_OK);
        slices++;
    }
    import_close(call.import);
    import_result_clear(result);
    return slices;
}

struct open_call {
    struct import_open open[4];
    int n;
};

static int run_open(void *arg, struct db *db)
{
    struct open_call *call = arg;
    call->n = imports_open(db, call->open, 4);
    return call->n < 0 ? call->n : DB_OK;
}

/* @return the number of unfinished imports; all must belong to this organisation and process. */
static int open_imports(struct fixture *f)
{
    struct open_call call;
    char owner[OWNER_SIZE];
    owner_self(owner);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_open, &call), DB_OK);
    for (int i = 0; i < call.n; i++) {
        assert_string_equal(call.open[i].organisation_id, f->organisation);
        assert_string_equal(call.open[i].owner, owner);
        assert_true(call.open[i].touched_ms > INT64_C(1700000000000));
    }
    return call.n;
}

static void recover_imports(struct fixture *f)
{
    struct stop stop;
    stop_init(&stop);
    import_recover(f->store, &stop);
    stop_destroy(&stop);
}

#define LEFT "SELECT (SELECT count(*) FROM crm.imports) + (SELECT count(*) FROM crm.import_slices)"

static void test_a_large_import_is_done_in_slices(void **state)
{
    struct fixture *f = *state;
    struct import_result result;
    char *text = many_rows("Ada");
    assert_true(in_slices(f, text, true, &result) > 1);
    assert_int_equal(result.imported, MANY);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE first_name = 'Ada'"), MANY);
    assert_int_equal(fixture_count(f, LEFT), 0);
    recover_imports(f); /* nothing is left to undo */
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), MANY);
    free(text);
}

/* Also in slices an invalid byte costs only its row, wherever it is, and the counts add up to the lines. */
static void test_a_byte_in_slices_costs_no_more_than_its_row(void **state)
{
    struct fixture *f = *state;
    struct import_result result;
    for (int i = 0; i < 3; i++) {
        char *text = many_rows("Ada");
        size_t at = strlen(text) / 4 * (size_t)(i + 1);
        at += strcspn(text + at, "@"); /* in an address */
        text[at] = "\"\x07\xff"[i];
        (void)in_slices(f, text, true, &result);
        assert_int_equal(result.imported + result.updated + result.rejected, MANY);
        assert_true(result.rejected <= 1);
        free(text);
    }
    assert_true(fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE first_name = 'Ada'") >= MANY - 1);
    assert_int_equal(fixture_count(f, LEFT), 0);
}

static void test_an_unfinished_import_is_undone(void **state)
{
    struct fixture *f = *state;
    struct import_result result;
    char *text = many_rows("Eve");
    assert_string_equal(outcome(f, IMPORT_CSV,
                                "email,first_name,last_name,note\np0@example.com,Ada,Lovelace,\"one, two\"\n"
                                "p1@example.com,Bob,,\n"),
                        "2/0/0");
    assert_int_equal(fixture_exec(f, "UPDATE crm.prospects SET status = 'invalid', status_reason = 'no_reply_address',"
                                     " updated_at = 5 WHERE email = 'p1@example.com'"),
                     DB_OK);
    int64_t before = fixture_count(f, "SELECT sum(updated_at) FROM crm.prospects");
    assert_int_equal(in_slices(f, text, false, &result), 2);
    assert_true(fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE first_name = 'Eve'") > 2);
    /* One of the new rows is changed by another import: it stays. */
    assert_string_equal(outcome(f, IMPORT_CSV, "email,first_name\np7@example.com,Grace\n"), "0/1/0");
    /* Meanwhile the jobs of the first import have done their work: it stays. */
    assert_int_equal(fixture_exec(f, "UPDATE crm.prospects SET status = 'researched' WHERE email = 'p0@example.com'"),
                     DB_OK);
    assert_true(fixture_count(f, LEFT) > 1);
    assert_int_equal(open_imports(f), 1);
    recover_imports(f);
    assert_int_equal(open_imports(f), 0);
    assert_int_equal(fixture_count(f, LEFT), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 3);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE email = 'p7@example.com'"), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE first_name = 'Ada' AND"
                                      " last_name = 'Lovelace' AND custom LIKE '%one, two%' AND"
                                      " status = 'researched'"),
                     1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects WHERE first_name = 'Bob' AND"
                                      " status = 'invalid' AND status_reason = 'no_reply_address'"),
                     1);
    assert_int_equal(fixture_count(f, "SELECT sum(updated_at) FROM crm.prospects WHERE email <> 'p7@example.com'"),
                     before);
    free(text);
}

static void test_a_running_import_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct import_result result;
    struct import_fault fault;
    char *text = many_rows("Ada");
    struct import_request request = {
        .organisation_id = f->organisation,
        .request_id = "r",
        .source = {.format = IMPORT_CSV, .charset = "", .body = text, .length = strlen(text)}};
    struct slice_call call = {.result = &result};
    assert_int_equal(import_open(&call.import, &request, &result), IMPORT_OK);
    assert_int_equal(import_check(call.import, &result, &fault), IMPORT_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_slice, &call), IMPORT_OK);
    int64_t rows = fixture_count(f, "SELECT count(*) FROM crm.prospects");
    recover_imports(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), rows);
    /* Now it belongs to a dead process of this machine. */
    import_close(call.import);
    import_result_clear(&result);
    char self[OWNER_SIZE], sql[200];
    owner_self(self);
    (void)snprintf(sql, sizeof(sql), "UPDATE crm.imports SET owner = '%.*s:1'", (int)(strrchr(self, ':') - self), self);
    assert_int_equal(fixture_exec(f, sql), DB_OK);
    recover_imports(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 0);
    free(text);
}

static void test_a_fault_is_found_before_the_first_write(void **state)
{
    struct import_request request = {.organisation_id = ((struct fixture *)*state)->organisation,
                                     .request_id = "r",
                                     .source = {IMPORT_JSON, "", "[{\"email\":\"a@b.co\"},", 20}};
    struct import_result result;
    struct import_fault fault;
    struct import *import;
    assert_int_equal(import_open(&import, &request, &result), IMPORT_OK);
    assert_int_equal(import_check(import, &result, &fault), IMPORT_FAULT);
    assert_string_equal(fault.code, "invalid_json");
    import_close(import);
    import_result_clear(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_csv),
        WITH_STORE(test_lengths_are_characters),
        WITH_STORE(test_bad_rows_do_not_spoil_the_others),
        WITH_STORE(test_duplicates_and_known_rows_are_updates),
        WITH_STORE(test_json),
        WITH_STORE(test_json_values),
        WITH_STORE(test_custom_fields_are_merged),
        WITH_STORE(test_too_many_custom_fields),
        WITH_STORE(test_a_fault_of_the_whole_file_changes_nothing),
        WITH_STORE(test_many),
        WITH_STORE(test_a_large_import_is_done_in_slices),
        WITH_STORE(test_a_byte_in_slices_costs_no_more_than_its_row),
        WITH_STORE(test_an_unfinished_import_is_undone),
        WITH_STORE(test_a_running_import_is_left_alone),
        WITH_STORE(test_a_fault_is_found_before_the_first_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
