/* SPDX-License-Identifier: Apache-2.0 */
/* Build-time: turn a page into a C array. gen_page PAGE.html OUT.c */
#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: gen_page PAGE.html OUT.c\n");
        return 2;
    }
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "w");
    if (in == NULL || out == NULL) {
        fprintf(stderr, "gen_page: cannot open %s\n", in == NULL ? argv[1] : argv[2]);
        return 1;
    }
    fprintf(out, "/* Made from the live view at build time. */\n#include \"exporter_internal.h\"\n\n"
                 "const char promc_exporter_page[] = {");
    int byte, column = 0;
    while ((byte = fgetc(in)) != EOF) {
        fprintf(out, "%s(char)%d,", column++ % 16 == 0 ? "\n    " : " ", byte);
    }
    fprintf(out, "\n};\nconst size_t promc_exporter_page_size = sizeof(promc_exporter_page);\n");
    return ferror(in) || fclose(out) != 0;
}
