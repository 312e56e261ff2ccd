/* SPDX-License-Identifier: Apache-2.0 */
/** @file smtp_server.h An SMTP server with scripted answers, in its own thread, for the tests of the mailer and the workers. */
#ifndef INGEST_TESTS_SMTP_SERVER_H
#define INGEST_TESTS_SMTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct smtp_server {
    int port, listener;
    const char *script; /* "COMMAND reply" or "COMMAND hangup"; COMMAND also GREETING and "." (the message) */
    pthread_t thread;
    int accepted, connections;
    char last[4096]; /* the last message, as received on the wire */
    char recipient[256];
};

static inline bool smtp_reply(struct smtp_server *server, FILE *stream, const char *command, const char *usual)
{
    size_t n = strlen(command);
    if (strncmp(server->script, command, n) == 0 && server->script[n] == ' ') {
        usual = server->script + n + 1;
        if (strcmp(usual, "hangup") == 0)
            return false;
    }
    fprintf(stream, "%s\r\n", usual);
    fflush(stream);
    return true;
}

static inline bool smtp_take_message(struct smtp_server *server, FILE *stream)
{
    char line[1200];
    size_t used = 0;
    while (fgets(line, sizeof(line), stream) && strcmp(line, ".\r\n") != 0)
        used += (size_t)snprintf(server->last + used, sizeof(server->last) - used, "%s", line);
    bool mine = server->script[0] == '.';
    if (!smtp_reply(server, stream, ".", "250 2.0.0 queued"))
        return false;
    server->accepted += !mine;
    return true;
}

static inline void smtp_talk(struct smtp_server *server, FILE *stream)
{
    char line[1200];
    bool go_on = smtp_reply(server, stream, "GREETING", "220 test");
    while (go_on && fgets(line, sizeof(line), stream)) {
        line[strcspn(line, "\r\n")] = 0;
        if (strncmp(line, "EHLO", 4) == 0) {
            go_on = smtp_reply(server, stream, "EHLO", "250 test");
        } else if (strncmp(line, "MAIL", 4) == 0) {
            go_on = smtp_reply(server, stream, "MAIL", "250 2.1.0 ok");
        } else if (strncmp(line, "RCPT", 4) == 0) {
            snprintf(server->recipient, sizeof(server->recipient), "%.200s", line);
            go_on = smtp_reply(server, stream, "RCPT", "250 2.1.5 ok");
        } else if (strncmp(line, "DATA", 4) == 0) {
            go_on = smtp_reply(server, stream, "DATA", "354 go");
            if (go_on && strncmp(server->script, "DATA ", 5) != 0)
                go_on = smtp_take_message(server, stream);
        } else if (strncmp(line, "QUIT", 4) == 0) {
            smtp_reply(server, stream, "QUIT", "221 bye");
            return;
        } else {
            fprintf(stream, "250 ok\r\n");
            fflush(stream);
        }
    }
}

static inline void *smtp_serve(void *arg)
{
    struct smtp_server *server = arg;
    int fd;
    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        FILE *stream = fdopen(fd, "r+");
        server->connections++;
        smtp_talk(server, stream);
        fclose(stream);
    }
    return NULL;
}

static inline void smtp_server_start(struct smtp_server *server, const char *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    memset(server, 0, sizeof(*server));
    server->script = script;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&address, length) < 0 ||
        listen(server->listener, 8) < 0 || getsockname(server->listener, (struct sockaddr *)&address, &length) < 0 ||
        pthread_create(&server->thread, NULL, smtp_serve, server) != 0)
        abort();
    server->port = ntohs(address.sin_port);
}

/* All clients must be gone. */
static inline void smtp_server_stop(struct smtp_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    close(server->listener);
    pthread_join(server->thread, NULL);
}

#endif
