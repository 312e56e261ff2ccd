# SPDX-License-Identifier: Apache-2.0
# The monitoring stack: included by the top Makefile.

LINT_TARGETS += lint-monitoring

.PHONY: lint-monitoring prometheus-newest test-rules mutate-rules monitoring-generate tune-alerts \
    monitoring-up monitoring-down monitoring-status monitoring-reload prometheus-up alertmanager-up grafana-up

lint-monitoring: ## promtool and amtool with all lints, and our own checks of rules, dashboards and routes
	@scripts/lint-monitoring

test-rules: ## promtool's tests of every rule (part of test-stack too)
	@promtool test rules infra/prometheus/tests/*.yml

prometheus-newest: ## build the newest Prometheus 3.x and promtool from the Go module, into the cache (VERSION=2.53 for another)
	@scripts/prometheus-newest $(VERSION)

mutate-rules: ## change each number of the rules and see a test fail (minutes); ARGS='--only High' picks some
	@scripts/mutate-rules $(ARGS)

monitoring-generate: ## write prometheus.compose.yml from prometheus.yml
	@scripts/lint-monitoring --write-copies

tune-alerts: ## thresholds proposed from what a running Prometheus has seen; ARGS='--days 7'
	@scripts/tune-alerts --prometheus http://127.0.0.1:$${PROMETHEUS_PORT:-9090} $(ARGS)

monitoring-up: ## Prometheus, Alertmanager and dashboards in the background: Docker where an engine answers, else natively
	@$(STACK) monitoring up

monitoring-down: ## stop what monitoring-up started
	@$(STACK) monitoring down

monitoring-status: ## what runs, targets, rules, firing alerts
	@$(STACK) monitoring status

monitoring-reload: ## check the configuration and have Prometheus and Alertmanager take it
	@$(STACK) monitoring reload

prometheus-up: ## Prometheus alone, in the background
	@$(STACK) monitoring prometheus-up

alertmanager-up: ## Alertmanager alone, in the background
	@$(STACK) monitoring alertmanager-up

grafana-up: ## Grafana alone in a container; natively the page that stands in for it
	@$(STACK) monitoring grafana-up
