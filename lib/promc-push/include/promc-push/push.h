/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-push/push.h
 * Push a registry to a Prometheus Pushgateway: for jobs that end before they can be scraped.
 * (Let Prometheus scrape a long-running service instead: see promc-exporter.)
 *
 *     promc_push(registry, &(promc_push_settings){.url = "http://127.0.0.1:9091", .job = "nightly_import"});
 *
 * All calls block until the gateway has answered or the time-out has passed. They are thread safe.
 */
#ifndef PROMC_PUSH_PUSH_H
#define PROMC_PUSH_PUSH_H

#include <promc/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A field that is 0 takes its default. Nothing is kept after the call. */
typedef struct promc_push_settings {
    /** The gateway, "http://host:port" or https, with a path in front of /metrics if it has one. Required. */
    const char *url;
    /** The `job` of the group that is pushed. Required, not "". */
    const char *job;
    /**
     * Further labels of the group, e.g. `instance`. Names are `[a-zA-Z_][a-zA-Z0-9_]*`, each once, not `job`, not beginning with `__`.
     * Values are UTF-8 and may be "". Other bytes are refused, since they would make the gateway's whole page unreadable.
     */
    const promc_label *grouping;
    size_t grouping_count;
    /** Milliseconds for the whole call. Default 10,000. */
    unsigned timeout_ms;
    /** Also push promc's own metrics and those of the ready-made collectors (`process_…`), which collide with other jobs'. */
    bool self_metrics;
    /** For HTTP basic authentication; NULL: none. */
    const char *user, *password;
    /** Sent as `Authorization: Bearer …`; NULL: none. */
    const char *bearer_token;
    /** Must be zero: see promc/version.h. */
    uint64_t reserved[4];
} promc_push_settings;

/**
 * Replace the group's metrics by the registry's (HTTP PUT).
 * @return 0; PROMC_E_INVALID, PROMC_E_LABEL_NAME, PROMC_E_LABEL_VALUE (settings); PROMC_E_TIMEOUT; PROMC_E_IO (not reached, or refused:
 *         promc_error_detail() has the gateway's answer); PROMC_E_NOMEM; PROMC_E_BUSY (too many scrapes in flight); PROMC_E_VERSION (a
 *         reserved word of the settings is set).
 */
PROMC_API int promc_push(promc_registry *registry, const promc_push_settings *settings);

/** Replace only the families that the registry has (HTTP POST). Returns as promc_push(). */
PROMC_API int promc_push_add(promc_registry *registry, const promc_push_settings *settings);

/** Delete the group and everything in it. Returns as promc_push(). */
PROMC_API int promc_push_delete(const promc_push_settings *settings);

/** promc_error_detail(), which has the reason, without passwords and tokens. Kept for programs that use it. */
PROMC_API const char *promc_push_error(void);

#ifdef __cplusplus
}
#endif
#endif
