/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secure-target CERTIFICATE KEY CLIENT_CA TOKEN: an exporter with TLS and a token, for tests/test_exporter_tls.py. "" means none. Its first
 * line of output is its port; it runs until standard input ends.
 */
#include <promc-exporter/exporter.h>

#include <stdio.h>

static const char *given(const char *argument)
{
    return argument[0] != '\0' ? argument : NULL;
}

int main(int argc, char **argv)
{
    promc_exporter *exporter;
    if (argc != 5) {
        fprintf(stderr, "usage: secure-target CERTIFICATE KEY CLIENT_CA TOKEN\n");
        return 2;
    }
    const promc_exporter_settings settings = {.address = "127.0.0.1:0",
                                              .tls_certificate_file = given(argv[1]),
                                              .tls_key_file = given(argv[2]),
                                              .tls_client_ca_file = given(argv[3]),
                                              .token = given(argv[4])};
    if (promc_exporter_create(&exporter, &settings) != 0) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    printf("%u\n", promc_exporter_port(exporter));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    promc_exporter_stop(exporter);
    return 0;
}
