/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/settings.h"
#include "mail/file.h"
#include "mail/mailer.h"
#include "smtp_server.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct mail sample = {
    .key = "01890a5d-ac96-774b-bcce-b302099a8057",
    .to = "ada@example.com",
    .subject = "Hello",
    .body = "One\nTwo\r\n.\nlast",
    .organisation_id = "01890a5d-0000-774b-bcce-b302099a8057",
    .campaign_id = "01890a5d-1111-774b-bcce-b302099a8057",
    .date_ms = 1768205730123,
};
static struct mail_sender sender = {"ProspectFlow \"QA\"", "no-reply@prospectflow.invalid"};

static char *message(const struct mail *mail)
{
    char *out;
    size_t length;

    assert_int_equal(mail_message_write(mail, &sender, &out, &length), 0);
    assert_int_equal(strlen(out), length);
    /* For any text: only CRLF, no line longer than 78, only ASCII. */
    for (char *line = out; *line;) {
        size_t n = strcspn(line, "\r\n");
        assert_true(n <= 78);
        assert_int_equal(line[n], '\r');
        assert_int_equal(line[n + 1], '\n');
        line += n + 2;
    }
    for (size_t i = 0; i < length; i++)
        assert_true((unsigned char)out[i] < 0x80);
    return out;
}

static void test_plain_message(void **state)
{
    (void)state;
    char *text = message(&sample);
    assert_string_equal(text, "Date: Mon, 12 Jan 2026 08:15:30 +0000\r\n"
                              "From: \"ProspectFlow \\\"QA\\\"\" <no-reply@prospectflow.invalid>\r\n"
                              "To: <ada@example.com>\r\n"
                              "Subject: Hello\r\n"
                              "Message-ID: <01890a5d-ac96-774b-bcce-b302099a8057@prospectflow.invalid>\r\n"
                              "X-Campaign-ID: 01890a5d-1111-774b-bcce-b302099a8057\r\n"
                              "Auto-Submitted: auto-generated\r\n"
                              "MIME-Version: 1.0\r\n"
                              "Content-Type: text/plain; charset=us-ascii\r\n"
                              "Content-Transfer-Encoding: 7bit\r\n"
                              "\r\n"
                              "One\r\nTwo\r\n.\r\nlast\r\n");
    free(text);
}

static void from_is(const char *name, const char *field)
{
    const struct mail_sender before = sender;
    (void)snprintf(sender.name, sizeof(sender.name), "%s", name);
    char *text = message(&sample);
    assert_memory_equal(strstr(text, "From:"), field, strlen(field));
    free(text);
    sender = before;
}

static void test_names_of_senders(void **state)
{
    (void)state;
    from_is("", "From: <no-reply@prospectflow.invalid>\r\nTo");
    from_is("A\\B", "From: \"A\\\\B\" <no-reply@prospectflow.invalid>\r\nTo");
    from_is("J\xc3\xb6rg", "From: =?UTF-8?B?SsO2cmc=?=\r\n <no-reply@prospectflow.invalid>\r\nTo");
    from_is("a name with more than sixty characters, which needs lines of its own",
            "From: =?UTF-8?B?"); /* message() checks the lengths */
}

static void body_is(const char *body, const char *encoding, const char *encoded)
{
    struct mail mail = sample;
    char expected[64];

    mail.body = body;
    char *text = message(&mail);
    (void)snprintf(expected, sizeof(expected), "Content-Transfer-Encoding: %s\r\n", encoding);
    assert_non_null(strstr(text, expected));
    assert_string_equal(strstr(text, "\r\n\r\n") + 4, encoded);
    free(text);
}

static void test_bodies(void **state)
{
    (void)state;
    body_is("Caf\xc3\xa9 = good\n", "quoted-printable", "Caf=C3=A9 =3D good\r\n");
    body_is("blank at the end \n", "quoted-printable", "blank at the end=20\r\n");
    body_is("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiii", "quoted-printable",
            "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggggggggh"
            "hhhh=\r\nhhhhhiiii\r\n");
    body_is("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\n", "base64", "0J/RgNC40LLQtdGCDQo=\r\n");
}

static void subject_is(const char *subject, const char *field)
{
    struct mail mail = sample;

    mail.subject = subject;
    char *text = message(&mail);
    assert_memory_equal(strstr(text, "Subject:"), field, strlen(field));
    free(text);
}

static void test_subjects(void **state)
{
    (void)state;
    subject_is("Caf\xc3\xa9", "Subject: =?UTF-8?B?Q2Fmw6k=?=\r\nMessage-ID");
    subject_is("two  blanks", "Subject: =?UTF-8?B?dHdvICBibGFua3M=?=\r\nMessage-ID");
    subject_is("=?fake?=", "Subject: =?UTF-8?B?PT9mYWtlPz0=?=\r\nMessage-ID");
    subject_is(
        "This subject is so long that it has to be folded somewhere before its end, at a blank",
        "Subject: This subject is so long that it has to be folded somewhere before\r\n its end, at a blank\r\nM");
    /* Encoded words end between characters: 13 three-byte characters per word. */
    subject_is("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
               "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
               "Subject: =?UTF-8?B?4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs?=\r\n =?UTF-8?B?4oKs?=\r\nM");
}

/* No input can add a header field or a recipient. */
static void test_injection_is_refused(void **state)
{
    static const struct {
        const char *to, *subject, *key;
        int error;
    } cases[] = {
        {"a@b.co\r\nBcc: x@y.zz", NULL, NULL, MAIL_MESSAGE_E_ADDRESS},
        {"a@b.co> x", NULL, NULL, MAIL_MESSAGE_E_ADDRESS},
        {"a@b.co,c@d.ef", NULL, NULL, MAIL_MESSAGE_E_ADDRESS},
        {"nobody", NULL, NULL, MAIL_MESSAGE_E_ADDRESS},
        {NULL, "x\r\nBcc: x@y.zz", NULL, MAIL_MESSAGE_E_SUBJECT},
        {NULL, "x\n", NULL, MAIL_MESSAGE_E_SUBJECT},
        {NULL, "\xff", NULL, MAIL_MESSAGE_E_SUBJECT},
        {NULL, "", NULL, MAIL_MESSAGE_E_SUBJECT},
        {NULL, NULL, "../../etc/passwd", MAIL_MESSAGE_E_KEY},
        {NULL, NULL, "", MAIL_MESSAGE_E_KEY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct mail mail = sample;
        char *out;
        size_t length;
        mail.to = cases[i].to ? cases[i].to : mail.to;
        mail.subject = cases[i].subject ? cases[i].subject : mail.subject;
        mail.key = cases[i].key ? cases[i].key : mail.key;
        assert_int_equal(mail_message_write(&mail, &sender, &out, &length), cases[i].error);
        assert_null(out);
    }
}

static void test_sender(void **state)
{
    struct mail_sender out;

    (void)state;
    assert_int_equal(mail_sender_parse(&out, "Ada Lovelace <ada@example.com>"), 0);
    assert_string_equal(out.name, "Ada Lovelace");
    assert_string_equal(out.address, "ada@example.com");
    assert_int_equal(mail_sender_parse(&out, "\"A, B\" <ada@example.com>"), 0);
    assert_string_equal(out.name, "A, B");
    assert_int_equal(mail_sender_parse(&out, "ada@example.com"), 0);
    assert_string_equal(out.name, "");
    assert_int_equal(mail_sender_parse(&out, "J\xc3\xb6rg <ada@b\xc3\xbc"
                                             "cher.example>"),
                     0);
    assert_string_equal(out.address, "ada@xn--bcher-kva.example");
    assert_true(mail_sender_parse(&out, "<\xc3\xa4@example.com>") < 0); /* would need SMTPUTF8 */
    assert_true(mail_sender_parse(&out, "ada") < 0);
    assert_true(mail_sender_parse(&out, "A <ada@example.com") < 0);
    assert_true(mail_sender_parse(&out, "A <ada@example.com> x") < 0);
    assert_true(mail_sender_parse(&out, "A\r\nB <ada@example.com>") < 0);
}

/* ---- file ---- */

static int outbox_count(const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    int n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        n += entry->d_name[0] != '.' || (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0);
    closedir(dir);
    return n;
}

static void test_file(void **state)
{
    char directory[] = "/tmp/ingest-mail-XXXXXX", path[256], text[2048] = "";
    struct settings settings = {.mail_from = "A <a@b.co>"};
    struct mail_answer answer;
    struct mailer *mailer;

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(settings.mail_url, sizeof(settings.mail_url), "file:%s/one/two", directory);
    assert_int_equal(mailer_open(&mailer, &settings), 0);
    struct mailer_session *session = mailer_session_open(mailer);
    assert_non_null(session);

    assert_int_equal(mailer_find(session, sample.key), MAIL_FOUND_NO);
    assert_int_equal(mailer_send(session, &sample, &answer), MAIL_SENT);
    assert_int_equal(mailer_send(session, &sample, &answer), MAIL_SENT); /* the same file */
    assert_int_equal(mailer_flush(session), 0);
    assert_int_equal(mailer_find(session, sample.key), MAIL_FOUND_YES);
    (void)snprintf(path, sizeof(path), "%s/one/two", directory);
    assert_int_equal(outbox_count(path), 1);

    (void)snprintf(path, sizeof(path), "%s/one/two/%s.eml", directory, sample.key);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(text, "To: <ada@example.com>\r\n"));

    struct mail bad = sample;
    bad.to = "nobody";
    assert_int_equal(mailer_send(session, &bad, &answer), MAIL_REFUSED);
    assert_string_equal(answer.error, "an address cannot be used in a header field");

    /* If the outbox cannot be written, the email is not sent, may be retried, and leaves no file. */
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/one/two", directory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mailer_send(session, &sample, &answer), MAIL_UNAVAILABLE);
    assert_non_null(strstr(answer.error, "No such file"));
    mailer_session_close(session);
    mailer_close(mailer);
    (void)snprintf(path, sizeof(path), "%s/one", directory);
    (void)rmdir(path);
    (void)rmdir(directory);
}

/* The worker is killed before the flush, or is still writing: no text of the erased person stays, and others are sent. */
static void test_an_erased_email_leaves_no_file(void **state)
{
    char directory[] = "/tmp/ingest-mail-XXXXXX", path[256];
    struct settings settings = {.mail_from = "A <a@b.co>"};
    struct mail other = sample;
    struct mail_answer answer;
    struct mailer *mailer;

    (void)state;
    other.key = "another";
    assert_non_null(mkdtemp(directory));
    (void)snprintf(settings.mail_url, sizeof(settings.mail_url), "file:%s", directory);
    assert_int_equal(mailer_open(&mailer, &settings), 0);
    struct mailer_session *session = mailer_session_open(mailer);
    assert_int_equal(mailer_send(session, &sample, &answer), MAIL_SENT);
    assert_int_equal(mailer_send(session, &other, &answer), MAIL_SENT);
    mail_file_forget(&settings, sample.key);
    assert_int_equal(outbox_count(directory), 1);
    assert_int_equal(mailer_flush(session), 0);
    assert_int_equal(mailer_find(session, sample.key), MAIL_FOUND_NO);
    assert_int_equal(mailer_find(session, other.key), MAIL_FOUND_YES);
    mail_file_forget(&settings, other.key);
    assert_int_equal(outbox_count(directory), 0);

    /* If the outbox itself was deleted, the e-mail was not sent. */
    assert_int_equal(mailer_send(session, &sample, &answer), MAIL_SENT);
    (void)snprintf(path, sizeof(path), "%s/.%s.part", directory, sample.key);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(mailer_flush(session), -1);
    mailer_session_close(session);
    mailer_close(mailer);
}

/* ---- SMTP ---- */

static enum mail_outcome smtp_once(const char *script, struct mail_answer *answer, struct smtp_server *server)
{
    struct settings settings = {.mail_from = "A <a@b.co>"};
    struct mailer *mailer;

    smtp_server_start(server, script);
    (void)snprintf(settings.mail_url, sizeof(settings.mail_url), "smtp://127.0.0.1:%d", server->port);
    assert_int_equal(mailer_open(&mailer, &settings), 0);
    struct mailer_session *session = mailer_session_open(mailer);
    enum mail_outcome outcome = mailer_send(session, &sample, answer);
    mailer_session_close(session);
    mailer_close(mailer);
    smtp_server_stop(server);
    return outcome;
}

static void test_smtp_outcomes(void **state)
{
    static const struct {
        const char *script; /* which answer to which command */
        enum mail_outcome outcome;
        const char *error, *words;
    } cases[] = {
        {"", MAIL_SENT, "", NULL},
        {"RCPT 550 5.1.1 no such user ada@example.com", MAIL_REFUSED, "the server answered 550 5.1.1 (RCPT)",
         "550 5.1.1 no such user [address]"},
        {"RCPT 450 4.2.1 mailbox busy", MAIL_RETRY, "the server answered 450 4.2.1 (RCPT)", "450 4.2.1 mailbox busy"},
        {"MAIL 552 5.3.4 too big", MAIL_REFUSED_SENDER, "the server answered 552 5.3.4 (MAIL)", "552 5.3.4 too big"},
        {"DATA 451 later", MAIL_RETRY, "the server answered 451 (DATA)", "451 later"},
        {". 554 5.7.1 spam", MAIL_REFUSED_SENDER, "the server answered 554 5.7.1 (message)", "554 5.7.1 spam"},
        {". 452 4.3.1 full", MAIL_RETRY, "the server answered 452 4.3.1 (message)", "452 4.3.1 full"},
        {"GREETING 554 go away", MAIL_REFUSED_SENDER, "the server answered 554 (connection)", "554 go away"},
        {"RCPT 421 4.3.2 shutting down", MAIL_REFUSED_SENDER, "the server answered 421 4.3.2 (RCPT)",
         "421 4.3.2 shutting down"},
        {"RCPT 550-5.4.5 Daily sending\r\n550 5.4.5 quota exceeded", MAIL_REFUSED_SENDER,
         "the server answered 550 5.4.5 (RCPT)", "550 5.4.5 Daily sending 5.4.5 quota exceeded"},
        {"RCPT 552 5.2.2 over quota", MAIL_REFUSED, "the server answered 552 5.2.2 (RCPT)", "552 5.2.2 over quota"},
        {"RCPT 451 4.7.1 greylisted", MAIL_RETRY, "the server answered 451 4.7.1 (RCPT)", "451 4.7.1 greylisted"},
        {"RCPT hangup", MAIL_RETRY, NULL, NULL},
        {". hangup", MAIL_IN_DOUBT, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct mail_answer answer;
        struct smtp_server server;
        assert_int_equal(smtp_once(cases[i].script, &answer, &server), cases[i].outcome);
        if (cases[i].error)
            assert_string_equal(answer.error, cases[i].error);
        assert_null(strstr(answer.error, "ada@"));
        assert_null(strstr(answer.words, "ada@"));
        assert_string_equal(answer.words, cases[i].words ? cases[i].words : "");
        assert_int_equal(server.accepted, cases[i].outcome == MAIL_SENT);
    }
}

static void test_smtp_no_server(void **state)
{
    struct settings settings = {.mail_from = "A <a@b.co>", .mail_url = "smtp://me:secret@127.0.0.1:9/helo"};
    struct mail_answer answer;
    struct mailer *mailer;

    (void)state;
    assert_int_equal(mailer_open(&mailer, &settings), 0);
    struct mailer_session *session = mailer_session_open(mailer);
    assert_string_equal(mailer_target(session), "127.0.0.1:9");
    assert_int_equal(mailer_send(session, &sample, &answer), MAIL_UNAVAILABLE);
    assert_int_equal(mailer_find(session, sample.key), MAIL_FOUND_UNKNOWN);
    mailer_session_close(session);
    mailer_close(mailer);
}

/* One connection carries many messages. A line with a single dot arrives as one dot. */
static void test_smtp_reuse(void **state)
{
    struct settings settings = {.mail_from = "A <a@b.co>"};
    struct mail_answer answer;
    struct smtp_server server;
    struct mailer *mailer;

    (void)state;
    smtp_server_start(&server, "");
    (void)snprintf(settings.mail_url, sizeof(settings.mail_url), "smtp://127.0.0.1:%d", server.port);
    assert_int_equal(mailer_open(&mailer, &settings), 0);
    struct mailer_session *session = mailer_session_open(mailer);
    for (int i = 0; i < 5; i++)
        assert_int_equal(mailer_send(session, &sample, &answer), MAIL_SENT);
    mailer_session_close(session);
    mailer_close(mailer);
    smtp_server_stop(&server);
    assert_int_equal(server.accepted, 5);
    assert_int_equal(server.connections, 1);
    assert_non_null(strstr(server.last, "\r\nTwo\r\n..\r\nlast\r\n")); /* dot-stuffed on the wire */
    assert_string_equal(server.recipient, "RCPT TO:<ada@example.com>");
}

static void test_bad_settings(void **state)
{
    struct settings settings = {.mail_from = "nobody", .mail_url = "file"};
    struct mailer *mailer;

    (void)state;
    assert_int_equal(mailer_open(&mailer, &settings), -1);
    (void)strcpy(settings.mail_from, "A <a@b.co>");
    (void)strcpy(settings.mail_url, "pigeon://roof");
    assert_int_equal(mailer_open(&mailer, &settings), -1);
    (void)strcpy(settings.mail_url, "file:/proc/no/such");
    assert_int_equal(mailer_open(&mailer, &settings), -1);
    assert_null(mailer);
}

static int quiet(void **state)
{
    (void)state;
    log_set_level(LOG_FATAL + 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_message),
        cmocka_unit_test(test_names_of_senders),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_injection_is_refused),
        cmocka_unit_test(test_sender),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_an_erased_email_leaves_no_file),
        cmocka_unit_test(test_smtp_outcomes),
        cmocka_unit_test(test_smtp_no_server),
        cmocka_unit_test(test_smtp_reuse),
        cmocka_unit_test(test_bad_settings),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
