/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-exporter/exporter.h
 * /metrics for any C program in one call: an HTTP server on its own thread.
 *
 *     promc_exporter *exporter = promc_exporter_start("127.0.0.1:9464");
 *     promc_registry *registry = promc_exporter_registry(exporter);
 *     … register metrics in it …
 *     promc_exporter_stop(exporter);
 *
 * Serves `/metrics` in the format that the scraper asks for (text, OpenMetrics, protobuf; gzip), with the `name[]` filter, and
 * a live view for people at `/`. If your program already has an HTTP server, use promc/exposition.h instead.
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
     * a socket left by a dead program is replaced. Required.
     */
    const char *address;
    /** The registry to expose; owned by the caller, must outlive the exporter. NULL: the exporter makes one, with the process collectors in it. */
    promc_registry *registry;
    /** Maximum scrapes in flight; a further one gets a 503 with Retry-After. Default 4, at most 32. */
    unsigned max_scrapes;
    /** Maximum connections. For one more, the longest idle one is closed; if none is idle, the new one. Default 64, at most 65,536. */
    unsigned max_connections;
    /**
     * Seconds that a connection may be idle between two requests. Default 10.
     * Other limits are fixed: a request must arrive completely within 10 s of its first byte (the first request: of the connection's start); an answer must be
     * read within the time that the scraper announces (X-Prometheus-Scrape-Timeout-Seconds), else 64 KiB of it every 10 s.
     */
    unsigned idle_seconds;
    /** Answer `/` with 404: no live view. Default false. */
    bool no_live_view;
    /** Never compress. Default false. */
    bool no_compression;
    /** Requests need `Authorization: Bearer TOKEN`, else they get 401. Copied. NULL: no authentication. */
    const char *token;
    /**
     * TLS 1.2 and newer: certificate chain and key, PEM files. `tls_client_ca_file`: clients must present a certificate of these authorities.
     * Files that change are read again, at most once a second, and apply to new connections. While they cannot be used (half
     * written, key and certificate do not match), the last good ones apply. NULL: plain HTTP. PROMC_E_INVALID if promc-exporter was built without GnuTLS.
     */
    const char *tls_certificate_file, *tls_key_file, *tls_client_ca_file;
    /** Mode of a Unix socket, e.g. 0660. Default 0: according to the umask. */
    unsigned unix_mode;
    /**
     * Seconds of history that the live view shows when it is opened, at most 3600. Default 0: 600, recorded from the first time that the page
     * is opened; any other number: recorded from the start. Every series is sampled every 5 s or more rarely, in at most 2 MiB, and no collector
     * runs for it. A registry of more than 512 KiB (as protobuf, with gzip if it is built in) has no history.
     */
    uint64_t history_seconds;
    /** Further registries on the same /metrics, owned by the caller like `registry`. See promc_exposition_settings.more. */
    promc_registry *const *more_registries;
    uint64_t more_registry_count;
    /** Must be zero: see promc/version.h. */
    uint64_t reserved[5];
} promc_exporter_settings;

/**
 * Serve a registry that the exporter makes, with the process, malloc, cgroup, scheduler and pressure collectors.
 * @param address as in the settings.
 * @return the exporter, to be passed to promc_exporter_stop(); NULL: promc_exporter_error() has the reason.
 */
PROMC_API promc_exporter *promc_exporter_start(const char *address);

/* Programs that were compiled when the settings were shorter call the old symbol, which expects that size. */
#define promc_exporter_create promc_exporter_create_2

/**
 * The same with settings.
 * @return 0, PROMC_E_INVALID (the address is malformed), PROMC_E_IO (cannot listen on it; errno has
 *         the reason), PROMC_E_NOMEM, PROMC_E_VERSION (a reserved word is set), or what promc_registry_create() and
 *         promc_exposition_create() return.
 */
PROMC_API int promc_exporter_create(promc_exporter **out, const promc_exporter_settings *settings);

/** promc_error_detail(), e.g. `127.0.0.1:9464: Address already in use`. Kept for programs that have it. */
PROMC_API const char *promc_exporter_error(void);

/** The registry that is exposed. NULL for NULL. */
PROMC_API promc_registry *promc_exporter_registry(promc_exporter *exporter);

/** The port on which the exporter listens; useful if the settings asked for port 0. */
PROMC_API unsigned promc_exporter_port(const promc_exporter *exporter);

/**
 * Stop listening, end requests in flight, join the thread, destroy the exporter and, if the exporter made it, the registry (all its
 * handles become invalid). NULL is allowed.
 * @note do not call it from a collector. A forked child has no server thread, and its copies of the sockets are closed at the fork: it may stop
 *       the exporter, which frees it, and start its own. So call daemon() before you start the exporter.
 */
PROMC_API void promc_exporter_stop(promc_exporter *exporter);

#ifdef __cplusplus
}
#endif
#endif
