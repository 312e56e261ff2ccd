/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check-exposition openmetrics|text: reads expositions from stdin, each as its length in decimal, a line feed and its bytes, and
 * prints one line for each: "accepted" or "refused line N: why". For tests/test_openmetrics_vectors.py.
 */
#include <promc/testkit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int answer(size_t length, enum promc_format format)
{
    /* A buffer of the exact length, so that a sanitizer detects a read past its end. */
    char *text = malloc(length ? length : 1), *report = NULL;
    if (!text || fread(text, 1, length, stdin) != length) {
        free(text);
        return EXIT_FAILURE;
    }
    int code = promc_testkit_check(text, length, format, &report);
    free(text);
    if (code != 0 && code != PROMC_E_INVALID)
        return EXIT_FAILURE;
    printf("%s%s", code == 0 ? "accepted\n" : "refused ", code == 0 ? "" : report);
    free(report);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    char line[32];
    int code = EXIT_SUCCESS;
    if (argc != 2)
        return EXIT_FAILURE;
    enum promc_format format = strcmp(argv[1], "openmetrics") == 0 ? PROMC_FORMAT_OPENMETRICS : PROMC_FORMAT_TEXT;
    while (code == EXIT_SUCCESS && fgets(line, sizeof(line), stdin))
        code = answer(strtoul(line, NULL, 10), format);
    return code;
}
