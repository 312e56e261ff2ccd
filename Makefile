# SPDX-License-Identifier: Apache-2.0
#
# The front door. Meson builds everything in build/; scripts/ do the work. `make help` and `make help-all` list the targets of this and
# the included files: "##" after a target is its description, "##+" one that `make help` shows too, "##@" begins a group.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BUILD ?= build
# Whether warnings are errors; read when build/ is configured. Off, so that a newer compiler's warnings stop no build. CI sets true.
WERROR ?= false
# Stack tests need Debian's Python, which has their modules, even if another Python comes first on PATH.
PYTEST ?= /usr/bin/python3 -m pytest
# The number of pytest processes for the stack tests, which mostly wait. 0: one process at the terminal, for a debugger (ARGS=--pdb).
TEST_JOBS ?= 3
PYTEST_JOBS = -n $(TEST_JOBS) --dist loadgroup
# Starts, watches and stops servers.
STACK = BUILD=$(BUILD) /usr/bin/python3 tools/stack/__main__.py

SOURCES_C = git ls-files -- '*.c' '*.h'
SCRIPTS = git ls-files -- scripts .ci bench tools tests infra | xargs -r awk 'FNR == 1 && /^\#!.*(bash|\/sh)/ { print FILENAME } { nextfile }'

# The targets of `make test` and `make lint`; the included files add theirs.
TEST_TARGETS := test-unit test-stack
LINT_TARGETS := lint-format lint-layers lint-tidy lint-scripts

-include bench/bench.mk
-include infra/monitoring.mk
-include infra/grafana/grafana.mk
-include docs/docs.mk

.PHONY: help help-all setup build build-run run demo cluster accuracy test test-unit test-stack test-slow test-long test-backends test-asan test-tsan test-platforms check-long soak test-debian12 test-debian13 packages fuzz mutate lint lint-deep lint-format lint-layers lint-tidy lint-scripts \
    format clean install-packages-run install-packages-cluster install-packages-test

##@ Start it
help: ## the ten targets that most people need
	@awk 'BEGIN { FS = ":.*##[+] " } /^[a-z][a-z0-9-]*:.*##[+] / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

help-all: ##+ list every target
	@awk '/^##@ / { printf "\n%s\n", substr($$0, 5) } match($$0, /:.*##[+]? /) && /^[a-z]/ { \
	    printf "  make %-22s %s\n", substr($$0, 1, index($$0, ":") - 1), substr($$0, RSTART + RLENGTH) }' $(MAKEFILE_LIST)

setup: ## install the missing Debian packages (scripts/packages.txt), nothing else
	@scripts/setup

build: $(BUILD)/build.ninja ##+ compile everything into build/
	@flock $(BUILD) ninja -C $(BUILD) --quiet # lock: two ninjas in one folder break each other's builds

build-run: $(BUILD)/build.ninja ## compile only what make run and make demo need, half of the code
	@flock $(BUILD) ninja -C $(BUILD) --quiet apps/ingest-api/ingest-api tools/demo/demo-traffic

# Ninja reconfigures by itself when a meson.build changes, but not when a new package is installed: after `make run` on a bare machine,
# `make test` installs the library of the unit tests. So this rule touches a file that ninja checks. (If we ran meson ourselves, ninja
# would reconfigure a second time.) The first time meson runs in the build's folder: its CMake module writes files into the current folder
# and removes them again, while another set-up or a copy of this folder (a stack test) may meet them.
$(BUILD)/build.ninja: $(wildcard /var/lib/dpkg/status)
	@said=$$(if [ -f $@ ]; then touch $(BUILD)/meson-private/coredata.dat && flock $(BUILD) ninja -C $(BUILD) build.ninja; \
	    else mkdir -p $(BUILD) && cd $(BUILD) && meson setup . "$(CURDIR)" -Dwerror=$(WERROR); fi 2>&1) || { printf '%s\n' "$$said"; exit 1; }

run: install-packages-run build-run ##+ ingest-api, Prometheus and Alertmanager on 127.0.0.1, until Ctrl-C
	@$(STACK) run

demo: install-packages-run build-run ##+ make run with traffic; DEMO_RATE requests a second (default 50)
	@$(STACK) demo

drill: build-run ## break the running demo and check that alerts and dashboards show it: DRILL=lock, smtp, queue, worker, drafts, kill, disk or prometheus
	@$(STACK) drill $(or $(DRILL),help)

cluster: install-packages-cluster build ##+ two APIs, two workers, PostgreSQL, RabbitMQ, a balancer, Prometheus; until Ctrl-C
	@$(STACK) cluster

accuracy: install-packages-cluster build ## compare every counter with its clients and the database after REQUESTS requests and JOBS jobs and a kill
	@BUILD=$(BUILD) bench/accuracy --requests $(or $(REQUESTS),50000) --jobs $(or $(JOBS),5000)

##@ Test it
test: install-packages-test build ##+ all tests: units, monitoring rules, the real stack
	@scripts/all $(TEST_TARGETS)

test-unit: build ## unit tests (cmocka)
	@scripts/unit-tests units $(BUILD)

test-stack: build ## stack tests (pytest): the real binary, a real Prometheus; ARGS='-k import' picks some, SLOW=1 adds the slow ones
	@BUILD=$(BUILD) $(PYTEST) $(PYTEST_JOBS) -m '$(if $(SLOW),,not slow and )not long' tests $(ARGS)

test-slow: build ## the stack tests that take long
	@BUILD=$(BUILD) $(PYTEST) $(PYTEST_JOBS) -m 'slow and not long' tests $(ARGS)

test-long: build ## the stack tests that CI leaves out: other versions, full size, duplicates of other tests
	@BUILD=$(BUILD) $(PYTEST) $(PYTEST_JOBS) -m long tests $(ARGS)

# The tests that depend on the back ends.
BACKENDS_TESTS = counters durability exposition fault_mail health http_front metrics_reference monitoring_metrics openapi prometheus \
    shutdown tenancy

test-backends: build ## the same stack tests on PostgreSQL and RabbitMQ; STORE=sqlite or QUEUE=embedded replaces one of them
	@STORE=$(or $(STORE),postgres) QUEUE=$(or $(QUEUE),amqp) BUILD=$(BUILD) $(PYTEST) $(PYTEST_JOBS) -m 'not slow and not long' $(BACKENDS_TESTS:%=tests/test_%.py) $(ARGS)

test-asan: ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan/
	@scripts/sanitizer-tests asan

test-tsan: ## unit tests under ThreadSanitizer, in build-tsan/
	@scripts/sanitizer-tests tsan

test-debian12: ## this checkout on a bare Debian 12: make run, an import, the tests; STEPS picks some, FRESH=1 makes a new machine
	@scripts/setup bare
	@scripts/bare-debian 12 $(STEPS)

test-debian13: ## the same on a bare Debian 13
	@scripts/setup bare
	@scripts/bare-debian 13 $(STEPS)

packages: build ## Debian packages of the libraries for 12 and 13 in build/packages, built and tested on bare machines (needs root; RELEASES=13 picks one)
	@scripts/setup bare
	@scripts/packages $(RELEASES)

test-platforms: ## the libraries on other machines and systems (docs/library/platforms.md); PLATFORMS='arm64 musl' picks some
	@scripts/test-platform $(or $(PLATFORMS),all)

soak: install-packages-test build-run ## the demo for SOAK_MINUTES (120) at 40 requests/s; memory and descriptors must not grow in the second half
	@SOAK_MINUTES=$(or $(SOAK_MINUTES),120) BUILD=$(BUILD) $(PYTEST) -s -m slow tests/test_soak.py

# Checks that take too long for CI. CONTRIBUTING.md has the last result of each part.
check-long: install-packages-test build ## all that CI leaves out: other platforms, Debian 12, slow and long tests, mutated rules; an hour or two
	@scripts/all test-platforms test-debian12 test-slow test-long mutate-rules

fuzz: install-packages-test ## every parser under libFuzzer; FUZZ_SECONDS for all together (default 60), at most FUZZ_RUNS each, FUZZ_SEED to repeat a run
	@fuzz/run $(or $(FUZZ_SECONDS),60)

##@ Check the code
lint: ##+ layout, rooms, clang-tidy, shellcheck, and the monitoring configuration
	@scripts/all $(LINT_TARGETS)

lint-format: ## check that clang-format and lint-layout would change nothing
	@$(SOURCES_C) | xargs -r clang-format --dry-run -Werror
	@scripts/lint-layout

lint-layers: build ## check which room uses which, no cycles, each function in the file of its header
	@scripts/lint-layers $(BUILD)

lint-tidy: build ## clang-tidy over every C source of the build
	@scripts/lint-tidy $(BUILD)

mutate: ## break changed lines of C one at a time and list the breaks that no test notices; SINCE=commit, or FILES='a.c folder'; SAMPLE=50, SEED=1, TESTS='import' or 'related', RETRY=1
	@scripts/mutate --jobs 2 --since $(or $(SINCE),main) $(SAMPLE:%=--sample %) $(SEED:%=--seed %) $(if $(RETRY),--retry) --stack '$(TESTS)' $(FILES)

lint-deep: build ## lint-tidy with longer paths: twenty minutes of CPU; FILES='a.c b.c' picks some
	@scripts/lint-tidy --deep $(BUILD) $(FILES)

lint-scripts: ## shellcheck over every shell script
	@$(SCRIPTS) | xargs -r shellcheck -x

format: ## format every C source
	@scripts/lint-layout --fix
	@$(SOURCES_C) | xargs -r clang-format -i

##@ Clean up
clean: ## remove build output (build*/); data in var/ stays
	@rm -rf build build-*

# The dashboard page needs npm. Without it everything else works.
install-packages-run:
	@scripts/setup run boards || { scripts/setup run && echo 'make: nodejs or npm cannot be installed; continuing without the dashboard page'; }

install-packages-cluster:
	@scripts/setup run cluster

install-packages-test:
	@scripts/setup run cluster test lint
