# SPDX-License-Identifier: Apache-2.0
"""The world of a case: the series of a healthy ingest-api and its monitoring.

Words describe a world: `day` or `night`, `3 replicas`, `broker` (RabbitMQ instead of the embedded queue), `native`, `both`,
`nhcb` (the kind of histograms; default: classic). A series here is (name, labels, shape). Series that exist once for each replica have no
label `instance`; series.py adds it."""
import re

from shapes import Fault

# The bounds of the service that any rule reads, in OpenMetrics notation.
BUCKETS = ["0.01", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "10.0", "+Inf"]
HISTOGRAMS = ("classic", "native", "both", "nhcb")
JOBS = {"prometheus": "prometheus:9090", "alertmanager": "alertmanager:9093"}
QUEUES = ("draft.generate", "email.send")
ROUTE = "/api/v1/prospects"

# requests a second, e-mails (and drafts) a second, active campaigns
TRAFFIC = {"day": (40, 1, 2), "night": (0.1, 0, 0)}


class World:
    def __init__(self, words):
        self.words = [word.strip() for word in words if word.strip()]
        self.traffic, self.replicas, self.histograms, self.broker = "day", 1, "classic", False
        for word in self.words:
            if word in TRAFFIC:
                self.traffic = word
            elif word in HISTOGRAMS:
                self.histograms = word
            elif word == "broker":
                self.broker = True
            elif match := re.fullmatch(r"(\d+) replicas?", word):
                self.replicas = int(match[1])
            else:
                raise Fault(f"world: unknown word {word!r}; known: {', '.join(TRAFFIC)}, N replicas, broker, {', '.join(HISTOGRAMS)}")

    @property
    def name(self):
        return ", ".join(self.words) or "day"

    @property
    def instances(self):
        return [f"api-{n}:3000" for n in range(1, self.replicas + 1)]

    def requests(self):
        """The requests to the whole service, in the form of a case's `requests`."""
        rate = TRAFFIC[self.traffic][0]
        return [{"rate": f"{rate * 0.7:g}/s"}, {"method": "POST", "route": "/api/v1/prospects/import", "rate": f"{rate * 0.1:g}/s"},
                {"route": "/health", "rate": f"{rate * 0.2:g}/s"}]

    def series(self, every):
        """All other series: (name, labels, shape). @param every  the scrape interval in seconds, which the service knows"""
        rate, mails, campaigns = TRAFFIC[self.traffic]
        queries, mail, small = rate * 3 / self.replicas, mails / self.replicas, mails / 20 / self.replicas
        yield from self._process()
        yield "scrape_samples_scraped", {}, "4000"
        yield "promc_series_dropped_total", {"family": "http_requests_total"}, "0/s"
        yield "promc_collector_errors_total", {"collector": "process"}, "0/s"
        yield "promc_birth_zero_seconds", {}, str(3 * every)
        yield "promc_series_withheld", {}, "0"
        yield "http_requests_aborted_total", {"method": "GET", "route": ROUTE}, "0/s"
        yield "error_reports_total", {"outcome": "sent"}, "0/s"

        yield "db_connection_pool_size", {"state": "active"}, "1"
        yield "db_connection_pool_size", {"state": "idle"}, "9"
        yield "db_connection_pool_max_size", {}, "10"
        yield "db_connection_pool_pending_acquires", {}, "0"
        yield "db_connection_pool_acquire_timeouts_total", {}, "0/s"
        yield "db_query_errors_total", {"operation": "select", "schema": "crm", "sqlstate_class": "08"}, "0/s"
        for le in ("0.1", "0.25", "1.0", "+Inf"):
            yield "db_connection_pool_acquire_duration_seconds_bucket", {"le": le}, f"{queries:g}/s"
            yield "db_query_duration_seconds_bucket", {"operation": "select", "schema": "crm", "le": le}, f"{queries:g}/s"
        yield "db_connection_pool_acquire_duration_seconds_count", {}, f"{queries:g}/s"
        yield "db_query_duration_seconds_count", {"operation": "select", "schema": "crm"}, f"{queries:g}/s"

        for queue in QUEUES:
            of = {"queue": queue}
            yield "queue_depth", of, "0"
            yield "queue_consumers", of, "2"
            yield "queue_oldest_message_age_seconds", of, "0"
            yield "queue_depth_last_success_timestamp_seconds", of, "clock"
            yield "queue_messages_total", of | {"action": "published"}, f"{mail:g}/s"
            yield "queue_messages_total", of | {"action": "consumed"}, f"{mail:g}/s"
            yield "queue_message_failures_total", of | {"reason": "dead_lettered"}, "0/s"
            yield "queue_processing_duration_seconds_count", of | {"success": "true"}, f"{mail:g}/s"
            yield "queue_processing_duration_seconds_count", of | {"success": "false"}, "0/s"
        if self.broker:
            for of in ({"connection": "publisher"}, {"connection": "consumer"}):
                yield "amqp_connection_up", of, "1"
                yield "amqp_connection_blocked", of, "0"
                yield "amqp_reconnects_total", of, "0/s"
            yield "amqp_confirms_total", {"connection": "publisher", "destination": "email.send", "outcome": "ack"}, f"{mail:g}/s"
            yield "amqp_confirms_total", {"connection": "publisher", "destination": "email.send", "outcome": "nack"}, "0/s"
            for redelivered, does in (("false", mail), ("true", 0)):
                yield "amqp_deliveries_total", {"connection": "consumer", "queue": "email.send", "redelivered": redelivered}, f"{does:g}/s"

        for organisation, does in (("org-a", mail), ("org-b", small)):
            of = {"organisation_id": organisation}
            yield "active_campaigns", of, str(campaigns)
            for success in ("true", "false"):
                shape = f"{does if success == 'true' else 0:g}/s"
                yield "emails_sent_total", of | {"campaign_id": f"{organisation}-1", "success": success}, shape
                yield "drafts_generated_total", of | {"success": success}, shape
            yield "emails_bounced_total", of | {"class": "5xx"}, "0/s"
            yield "prospects_processed_total", of | {"action": "imported"}, f"{does:g}/s"
            yield "prospects_processed_total", of | {"action": "rejected"}, "0/s"
        for success, does in (("true", mail + small), ("false", 0)):
            yield "emails_total", {"success": success}, f"{does:g}/s"
            yield "drafts_total", {"success": success}, f"{does:g}/s"
        yield "limit_refusals_total", {"limit": "jobs"}, "0/s"
        yield "organisation_limit_max", {"limit": "jobs"}, "1e7"
        yield "organisation_limit_used", {"organisation_id": "org-b", "limit": "jobs"}, "1000"
        yield "emails_in_doubt", {}, "0"
        yield "campaigns_refused", {}, "0"
        for outcome in ("accepted", "deferred", "refused_recipient"):
            yield "email_attempts_total", {"outcome": outcome}, f"{mail + small if outcome == 'accepted' else 0:g}/s"
        yield "email_bounces_total", {"class": "4xx", "subject": "mailbox"}, "0/s"
        yield "email_bounces_total", {"class": "5xx", "subject": "mailbox"}, "0/s"
        yield "email_bounces_total", {"class": "5xx", "subject": "policy"}, "0/s"
        yield from self._stack()

    def _process(self):
        rate = TRAFFIC[self.traffic][0]
        yield "process_start_time_seconds", {}, "-864000"
        yield "process_resident_memory_bytes", {}, "100Mi"
        yield "process_memory_limit_bytes", {}, "1Gi"
        yield "process_cpu_seconds_total", {}, f"{0.001 * rate + 0.01:g}/s"
        yield "process_cpu_limit_cores", {}, "2"
        yield "process_open_fds", {}, "50"
        yield "process_max_fds", {}, "1024"
        yield "data_dir_free_bytes", {}, "50G"
        yield "data_dir_size_bytes", {}, "100G"
        yield "tls_certificate_expiry_timestamp_seconds", {}, "0"
        for le in ("0.005", "0.1", "0.5", "+Inf"):
            yield "eventloop_lag_seconds_bucket", {"loop": "0", "le": le}, "20/s"

    @staticmethod
    def _stack():
        prometheus, alertmanager = {"job": "prometheus"}, {"job": "alertmanager"}
        group = prometheus | {"rule_group": "all"}
        yield "prometheus_config_last_reload_successful", prometheus, "1"
        # More than any rule set has, for alerts that count the loaded rules.
        yield "prometheus_rule_group_rules", group, "100k"
        yield "prometheus_rule_group_interval_seconds", group, "15"
        yield "prometheus_rule_group_last_duration_seconds", group, "0.01"
        yield "prometheus_rule_group_iterations_missed_total", group, "0/s"
        yield "prometheus_rule_evaluations_total", group, "9/s"
        yield "prometheus_rule_evaluation_failures_total", group, "0/s"
        yield "prometheus_notifications_alertmanagers_discovered", prometheus, "1"
        to = prometheus | {"alertmanager": "http://alertmanager:9093/api/v2/alerts"}
        yield "prometheus_notifications_sent_total", to, "4/m"
        yield "prometheus_notifications_errors_total", to, "0/s"
        yield "prometheus_notifications_dropped_total", prometheus, "0/s"
        for what in ("wal_writes_failed", "compactions_failed", "head_truncations_failed"):
            yield f"prometheus_tsdb_{what}_total", prometheus, "0/s"
        yield "prometheus_tsdb_storage_blocks_bytes", prometheus, "1G"
        yield "prometheus_tsdb_retention_limit_bytes", prometheus, "8G"
        yield "alertmanager_config_last_reload_successful", alertmanager, "1"
        yield "alertmanager_notifications_total", alertmanager | {"integration": "slack"}, "4/m"
        yield "alertmanager_notifications_failed_total", alertmanager | {"integration": "slack"}, "0/s"
        yield "alertmanager_notifications_total", alertmanager | {"integration": "webhook"}, "4/m"
        yield "alertmanager_notifications_failed_total", alertmanager | {"integration": "webhook"}, "0/s"
