/* SPDX-License-Identifier: Apache-2.0 */
/* At build time: concatenate the parts of the live view into a C array. gen_page OUT.c PART... */
#include <stdio.h>

/* @return the part's bytes, or -1. */
static long put_part(FILE *out, const char *name)
{
    FILE *in = fopen(name, "rb");
    if (!in)
        return -1;
    int byte;
    long count = 0;
    while ((byte = fgetc(in)) != EOF)
        fprintf(out, "%s(char)%d,", count++ % 16 == 0 ? "\n    " : " ", byte);
    int failed = ferror(in);
    fclose(in);
    return failed ? -1 : count;
}

int main(int argc, char **argv)
{
    FILE *out = argc > 2 ? fopen(argv[1], "w") : NULL;
    if (!out) {
        fprintf(stderr, "usage: gen_page OUT.c PART...\n");
        return 2;
    }
    fprintf(out, "/* Made from the live view at build time. */\n#include \"exporter_internal.h\"\n\n"
                 "const char promc_exporter_page[] = {");
    for (int i = 2; i < argc; i++) {
        if (put_part(out, argv[i]) < 0) {
            fprintf(stderr, "gen_page: cannot read %s\n", argv[i]);
            return 1;
        }
    }
    fprintf(out, "\n};\nconst size_t promc_exporter_page_size = sizeof(promc_exporter_page);\n");
    return fclose(out) != 0;
}
