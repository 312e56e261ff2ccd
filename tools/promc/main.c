/* SPDX-License-Identifier: Apache-2.0 */
#include "dump.h"

#include <promc/version.h>

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: promc dump [--format=text|openmetrics|protobuf] FILE [NAME...]\n"
    "       promc --help | --version\n"
    "\n"
    "Prints the last values of a program whose registry is in the shared arena FILE "
    "(promc_registry_settings.shared_path).\n"
    "The program may be running, hung or dead. FILE is not changed, no lock is taken.\n"
    "NAMEs: print only these families.\n"
    "Exit status: 0; 1 if FILE cannot be read, is not an arena or is damaged; 2 for wrong arguments.\n";

/* word: the faulty argument, or NULL */
static int refuse(const char *what, const char *word)
{
    if (word)
        fprintf(stderr, "promc: %s \"%s\"\n\n%s", what, word, usage);
    else
        fprintf(stderr, "promc: %s\n\n%s", what, usage);
    return 2;
}

static int format_of(const char *word, enum promc_format *out)
{
    static const char *const words[] = {
        [PROMC_FORMAT_TEXT] = "text", [PROMC_FORMAT_OPENMETRICS] = "openmetrics", [PROMC_FORMAT_PROTOBUF] = "protobuf"};
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (enum promc_format)i;
            return 0;
        }
    }
    return -1;
}

static int dump_command(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"format", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct dump_options options = {.format = PROMC_FORMAT_TEXT};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "f:h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (option != 'f')
            return refuse("dump: unknown option or missing value:", argv[optind - 1]);
        if (format_of(optarg, &options.format) < 0)
            return refuse("dump: unknown format", optarg);
    }
    if (optind == argc)
        return refuse("dump: FILE is missing", NULL);
    options.path = argv[optind];
    if (optind + 1 < argc) {
        options.names = (const char *const *)&argv[optind + 1];
        options.name_count = (size_t)(argc - optind - 1);
    }
    return dump(&options);
}

int main(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("promc %s\n", promc_version_string());
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "dump") == 0)
        return dump_command(argc - 1, argv + 1);
    return argc > 1 ? refuse("unknown command", argv[1]) : refuse("a command is missing", NULL);
}
