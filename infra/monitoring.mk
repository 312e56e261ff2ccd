# SPDX-License-Identifier: Apache-2.0
# The monitoring stack: included by the top Makefile.

LINT_TARGETS += lint-monitoring lint-images

##@ Monitoring
.PHONY: lint-monitoring lint-images prometheus-newest test-rules score mutate-rules monitoring-generate tune-alerts \
    monitoring-up monitoring-down monitoring-status monitoring-reload prometheus-up alertmanager-up grafana-up

lint-monitoring: ## promtool and amtool with all lints, and our own checks of rules, dashboards and routes
	@scripts/lint-monitoring

lint-images: ## check that the compose files' images are those of infra/images.yml and still supported
	@scripts/lint-images

test-rules: ## promtool's tests of every rule (part of test-stack too)
	@promtool test rules infra/prometheus/tests/*.yml

score: ## score alerting rules against 200 faults and harmless look-alikes; RULES_DIR=… for other rules, ARGS='--wrong'
	@/usr/bin/python3 tools/score $(ARGS) $(or $(RULES_DIR),infra/prometheus/rules)

prometheus-newest: ## build the newest Prometheus 3.x and promtool from the Go module, into the cache (VERSION=2.53 for another)
	@scripts/prometheus-newest $(VERSION)

mutate-rules: ## change each number of the rules and check that a test fails (many minutes); ARGS='--only High' picks some
	@scripts/mutate-rules $(ARGS)

monitoring-generate: ## write prometheus.compose.yml from prometheus.yml
	@scripts/lint-monitoring --write-copies

tune-alerts: ## propose thresholds from the data of a running Prometheus; ARGS='--days 7'
	@scripts/tune-alerts --prometheus http://127.0.0.1:$${PROMETHEUS_PORT:-9090} $(ARGS)

monitoring-up: ##+ Prometheus, Alertmanager and dashboards in the background: Docker if an engine answers, else natively
	@$(STACK) monitoring up

monitoring-down: ## stop the servers of monitoring-up
	@$(STACK) monitoring down

monitoring-status: ## show servers, targets, rules and firing alerts
	@$(STACK) monitoring status

monitoring-reload: ## check the configuration and reload it in Prometheus and Alertmanager
	@$(STACK) monitoring reload

prometheus-up: ## Prometheus alone, in the background
	@$(STACK) monitoring prometheus-up

alertmanager-up: ## Alertmanager alone, in the background
	@$(STACK) monitoring alertmanager-up

grafana-up: ## Grafana alone in a container; natively the page that replaces it
	@$(STACK) monitoring grafana-up
