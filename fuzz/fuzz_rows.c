/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of an import. The first byte selects the format and the declared character set. Reading ends, and all values are valid. */
#include "base/arena.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "import/prospect.h"
#include "import/rows.h"

#include <jansson.h>

static void check_text(struct db_text text)
{
    if (text.data && utf8_check(text.data, text.length) != UTF8_VALID)
        abort();
}

static void check_row(const struct prospect_input *row)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        check_text(row->field[i]);
    check_text(row->custom);
    json_error_t error;
    json_t *custom = row->custom.data ? json_loadb(row->custom.data, row->custom.length, 0, &error) : json_object();
    if (!json_is_object(custom))
        abort();
    json_decref(custom);
}

static void read_rows(struct import_rows *rows, size_t size, struct import_fault *fault)
{
    struct arena arena = {0};
    struct prospect_input row;
    struct import_error error;
    const char *before = import_rows_position(rows);
    enum import_rows_result result;
    for (size_t n = 0; (result = import_rows_next(rows, &arena, &row, &error, fault)) > 0; n++) {
        const char *position = import_rows_position(rows);
        if (n > size || position < before)
            abort();
        before = position;
        if (result == IMPORT_ROWS_ROW)
            check_row(&row);
        else if (!error.reason || !*error.reason)
            abort();
    }
    if (result == IMPORT_ROWS_E_FAULT && (!fault->code || !fault->message[0]))
        abort();
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import_fault fault = {0};
    struct import_rows *rows;
    if (size == 0)
        return 0;
    char *body = malloc(size); /* no NUL after it */
    if (!body)
        return 0;
    memcpy(body, data + 1, size - 1);
    static const char *const charsets[] = {"", "utf-8", "windows-1252", "utf-16le", "iso-8859-15"};
    struct import_source source = {.format = (enum import_format)(data[0] % 3),
                                   .charset = charsets[data[0] / 3 % 5],
                                   .body = body,
                                   .length = size - 1,
                                   .clear = data[0] / 15 % 2};
    int rc = import_rows_open(&rows, &source, &fault);
    if (rc == 0)
        read_rows(rows, size, &fault);
    else if (rc == IMPORT_ROWS_E_FAULT && (!fault.code || !fault.message[0]))
        abort();
    if (rc == 0) {
        json_decref(import_rows_describe(rows));
        import_rows_close(rows);
    }
    free(body);
    return 0;
}
