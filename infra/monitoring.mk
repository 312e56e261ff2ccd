# SPDX-License-Identifier: Apache-2.0
# The monitoring stack: included by the top Makefile.

LINT_TARGETS += lint-monitoring

.PHONY: lint-monitoring test-rules mutate-rules monitoring-generate tune-alerts

lint-monitoring: ## promtool and amtool with all lints, and our own checks of rules, dashboards and routes
	@scripts/lint-monitoring

test-rules: ## promtool's tests of every rule (part of test-stack too)
	@promtool test rules infra/prometheus/tests/*.yml

mutate-rules: ## change each number of the rules and see a test fail (minutes); ARGS='--only High' picks some
	@scripts/mutate-rules $(ARGS)

monitoring-generate: ## write prometheus.compose.yml from prometheus.yml
	@scripts/lint-monitoring --write-copies
