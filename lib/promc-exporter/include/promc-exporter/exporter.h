/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-exporter/exporter.h
 * A /metrics for any C program in one call: an HTTP server on a thread of its own.
 *
 *     promc_exporter *exporter = promc_exporter_start("127.0.0.1:9464");
 *     promc_registry *registry = promc_exporter_registry(exporter);
 *     … register metrics in it …
 *     promc_exporter_stop(exporter);
 *
 * Serves `/metrics` in the format that the scraper asks for (text, OpenMetrics, protobuf; gzip), with the `name[]` filter, and
 * at `/` a live view for people. A program that has an HTTP server already does not need this: see promc/exposition.h.
 */
#ifndef PROMC_EXPORTER_EXPORTER_H
#define PROMC_EXPORTER_EXPORTER_H

#include <promc/promc.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct promc_exporter promc_exporter;

/** Start from zero: `(promc_exporter_settings){.address = "…"}`. A field that is 0 takes its default. */
typedef struct promc_exporter_settings {
    /**
     * Where to listen: "127.0.0.1:9464", "[::1]:9464", "localhost:9464" (every address of the name), ":9464" (every address, IPv4 and
     * IPv6). Port 0: any free one, see promc_exporter_port(). Or a Unix socket, "unix:/run/job/metrics.sock", which is unlinked at the end;
     * one that a dead program left is replaced. Required.
     */
    const char *address;
    /** What to expose; the caller's, and outlives the exporter. NULL: one of its own, with the process collectors in it. */
    promc_registry *registry;
    /** Scrapes in flight; one more is answered 503 with Retry-After. Default 4, at most 32. */
    unsigned max_scrapes;
    /** Connections. For one more the longest idle one is closed; where none is idle, the new one. Default 64, at most 65,536. */
    unsigned max_connections;
    /**
     * Seconds that a connection may be idle between two requests. Default 10.
     * Other limits are fixed: a request is there whole within 10 s of its first byte (of the connection's begin, the first one); an answer is
     * taken within the time that the scraper announces (X-Prometheus-Scrape-Timeout-Seconds), else 64 KiB of it every 10 s.
     */
    unsigned idle_seconds;
    /** Answer `/` with 404: no live view. Default false. */
    bool no_live_view;
    /** Never compress. Default false. */
    bool no_compression;
    /** Requests need `Authorization: Bearer TOKEN`, else they get 401. Copied. NULL: everybody may read. */
    const char *token;
    /**
     * TLS 1.2 and newer: certificate chain and key, PEM files, read at the start. `tls_client_ca_file`: clients must show a certificate of
     * these authorities. NULL: plain HTTP. PROMC_E_INVALID where promc-exporter was built without GnuTLS.
     */
    const char *tls_certificate_file, *tls_key_file, *tls_client_ca_file;
    /** Mode of a Unix socket, e.g. 0660. Default 0: as the umask has it. */
    unsigned unix_mode;
    /** Must be zero: see promc/version.h. */
    uint64_t reserved[8];
} promc_exporter_settings;

/**
 * Serve a registry of the exporter's own, which has the process, malloc, cgroup, scheduler and pressure collectors.
 * @param address as in the settings.
 * @return the exporter, to be given to promc_exporter_stop(); NULL: promc_exporter_error() tells why.
 */
PROMC_API promc_exporter *promc_exporter_start(const char *address);

/* The settings have grown: programs that were compiled before have the old symbol, which knows how long theirs are. */
#define promc_exporter_create promc_exporter_create_2

/**
 * The same with settings.
 * @return 0, PROMC_E_INVALID (the address cannot be understood), PROMC_E_IO (it cannot be listened on; errno has
 *         the reason), PROMC_E_NOMEM, PROMC_E_VERSION (a reserved word is set), or what promc_registry_create() returns.
 */
PROMC_API int promc_exporter_create(promc_exporter **out, const promc_exporter_settings *settings);

/** promc_error_detail(), e.g. `127.0.0.1:9464: Address already in use`. Kept for programs that have it. */
PROMC_API const char *promc_exporter_error(void);

/** The registry that is served. NULL for NULL. */
PROMC_API promc_registry *promc_exporter_registry(promc_exporter *exporter);

/** The port that is listened on; of use where the settings asked for port 0. */
PROMC_API unsigned promc_exporter_port(const promc_exporter *exporter);

/**
 * Stop listening, end what is in flight, join the thread, destroy the exporter and a registry of its own (every handle into
 * which becomes invalid). NULL is allowed.
 * @note not from a collector. A forked child has no server thread, and its copies of the sockets are closed at the fork: it may stop the
 *       exporter, which frees it, and start one of its own. So: daemon() first, the exporter then.
 */
PROMC_API void promc_exporter_stop(promc_exporter *exporter);

#ifdef __cplusplus
}
#endif
#endif
