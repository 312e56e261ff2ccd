# SPDX-License-Identifier: Apache-2.0
#
# The front door. Everything is built by Meson in build/; the work is done by scripts/. `make help` lists the targets:
# each is listed by the comment after its name, here and in the included files.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BUILD ?= build
# Whether a warning ends the build, when it is configured: a compiler of tomorrow must not keep anybody from building. CI says true.
WERROR ?= false
# Stack tests run under Debian's Python, where their modules are, whatever else comes first on PATH.
PYTEST ?= /usr/bin/python3 -m pytest
# Starts, watches and stops servers.
STACK = BUILD=$(BUILD) /usr/bin/python3 tools/stack/__main__.py

SOURCES_C = git ls-files -- '*.c' '*.h'
SCRIPTS = git ls-files -- scripts .ci bench tools tests infra | xargs -r awk 'FNR == 1 && /^\#!.*(bash|\/sh)/ { print FILENAME } { nextfile }'

# What `make test` and `make lint` consist of; the included files add their own.
TEST_TARGETS := test-unit test-stack
LINT_TARGETS := lint-format lint-layers lint-tidy lint-scripts

-include bench/bench.mk
-include infra/monitoring.mk
-include infra/grafana/grafana.mk
-include docs/docs.mk
-include lib/promc-exporter/live/live.mk

.PHONY: help setup build build-run run demo cluster accuracy test test-unit test-stack test-slow test-backends test-asan test-tsan test-arm64 test-debian12 test-debian13 fuzz lint lint-format lint-layers lint-tidy lint-scripts \
    format clean install-packages-run install-packages-cluster install-packages-test

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z0-9-]*:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install every Debian package that is missing (scripts/packages.txt), nothing else
	@scripts/setup

build: $(BUILD)/build.ninja ## compile everything into build/
	@flock $(BUILD) ninja -C $(BUILD) --quiet # one at a time: two in one folder spoil each other's work

build-run: $(BUILD)/build.ninja ## compile what make run and make demo start, half of it
	@flock $(BUILD) ninja -C $(BUILD) --quiet apps/ingest-api/ingest-api tools/demo/demo-traffic

# Meson looks after itself once this file is there: it configures anew when a meson.build has changed. What it does not see is that
# a package has come since: after `make run` on a bare machine, `make test` brings the library of the unit tests. Ninja is told by
# a file that it knows; configured behind its back, it would do it once more.
$(BUILD)/build.ninja: $(wildcard /var/lib/dpkg/status)
	@said=$$(if [ -f $@ ]; then touch $(BUILD)/meson-private/coredata.dat && flock $(BUILD) ninja -C $(BUILD) build.ninja; \
	    else meson setup $(BUILD) -Dwerror=$(WERROR); fi 2>&1) || { printf '%s\n' "$$said"; exit 1; }

run: install-packages-run build-run ## ingest-api, Prometheus and Alertmanager on 127.0.0.1, until Ctrl-C
	@$(STACK) run

demo: install-packages-run build-run ## the same with traffic; DEMO_RATE requests a second (default 50)
	@$(STACK) demo

cluster: install-packages-cluster build ## two APIs, two workers, PostgreSQL, RabbitMQ, a balancer, Prometheus; until Ctrl-C
	@$(STACK) cluster

accuracy: install-packages-cluster build ## every counter against clients and database, REQUESTS and JOBS of them, with a kill in the middle
	@BUILD=$(BUILD) bench/accuracy --requests $(or $(REQUESTS),50000) --jobs $(or $(JOBS),5000)

test: install-packages-test build ## all tests: units, monitoring rules, the real stack
	@scripts/all $(TEST_TARGETS)

test-unit: build ## unit tests (cmocka)
	@scripts/unit-tests units $(BUILD)

test-stack: build ## stack tests (pytest): the real binary, a real Prometheus; ARGS='-k import' picks some
	@BUILD=$(BUILD) $(PYTEST) -m 'not slow' tests $(ARGS)

test-slow: build ## the stack tests that take long
	@BUILD=$(BUILD) $(PYTEST) -m slow tests $(ARGS)

# What says something of the back ends; the rest of the stack tests never comes near them.
BACKENDS_TESTS = counters durability exposition fault_mail health http_front metrics_reference monitoring_metrics openapi prometheus \
    shutdown tenancy

test-backends: build ## the same stack tests on PostgreSQL and RabbitMQ; STORE=sqlite or QUEUE=embedded keeps one of them off
	@STORE=$(or $(STORE),postgres) QUEUE=$(or $(QUEUE),amqp) BUILD=$(BUILD) $(PYTEST) -m 'not slow' $(BACKENDS_TESTS:%=tests/test_%.py) $(ARGS)

test-asan: ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan/
	@scripts/sanitizer-tests asan

test-tsan: ## unit tests under ThreadSanitizer, in build-tsan/
	@scripts/sanitizer-tests tsan

test-debian12: ## this checkout on a bare Debian 12: make run, an import, the tests; STEPS picks some, FRESH=1 makes the machine anew
	@scripts/setup bare
	@scripts/bare-debian 12 $(STEPS)

test-debian13: ## the same on a bare Debian 13
	@scripts/setup bare
	@scripts/bare-debian 13 $(STEPS)

test-arm64: ## the library's unit tests on arm64, built by a cross compiler, under qemu-user
	@scripts/test-arm64

fuzz: install-packages-test ## every parser under libFuzzer; FUZZ_SECONDS in all (default 60), FUZZ_SEED to repeat a run
	@fuzz/run $(or $(FUZZ_SECONDS),60)

lint: ## layout, rooms, clang-tidy, shellcheck, and the monitoring configuration
	@scripts/all $(LINT_TARGETS)

lint-format: ## clang-format finds nothing to change
	@$(SOURCES_C) | xargs -r clang-format --dry-run -Werror

lint-layers: build ## which room may use which, no rings, each function where its header says
	@scripts/lint-layers $(BUILD)

lint-tidy: build ## clang-tidy over every C source of the build
	@scripts/lint-tidy $(BUILD)

lint-scripts: ## shellcheck over every shell script
	@$(SCRIPTS) | xargs -r shellcheck -x

format: ## lay out every C source
	@$(SOURCES_C) | xargs -r clang-format -i

clean: ## remove what was built (build*/); data in var/ stays
	@rm -rf build build-*

# The page of the boards needs npm; a machine that cannot have it has everything else.
install-packages-run:
	@scripts/setup run boards || { scripts/setup run && echo 'make: nodejs or npm cannot be installed; going on without the page of the boards'; }

install-packages-cluster:
	@scripts/setup run cluster

install-packages-test:
	@scripts/setup run cluster test lint
