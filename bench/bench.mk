# SPDX-License-Identifier: Apache-2.0
# Included by the top Makefile. Method: bench/README.md; results: docs/performance.md.
##@ Measure it
.PHONY: bench bench-setup bench-instructions bench-service

bench-setup: ## install the benchmark's peers and tools (Debian, npm)
	@scripts/bench-setup

bench: bench-setup ##+ compare promc with its peers and the physical limits, in one table; writes build/bench.json
	@bench/build build/bench
	@build/bench/driver build/bench build/bench.json

bench-instructions: ## instructions per operation (callgrind), compared with the committed figures
	@bench/instructions/run

# For a short run: make bench-service ROUNDS=1 SECONDS_EACH=1 TURNS=3 WINDOWS=2
bench-service: install-packages-test ## compare the service with Express on one PostgreSQL; PARTS='embedded scrape' picks some
	@scripts/bench-setup --service
	@bench/service/run $(PARTS)
