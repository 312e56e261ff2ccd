# SPDX-License-Identifier: Apache-2.0
# Included by the top Makefile. What is measured and how: bench/README.md; the figures: docs/performance.md.
.PHONY: bench bench-setup bench-instructions bench-service

bench-setup: ## install the benchmark's peers and tools (Debian, npm)
	@scripts/bench-setup

bench: bench-setup ## promc beside its peers and the physical limits, one table; writes build/bench.json
	@bench/build build/bench
	@build/bench/driver build/bench build/bench.json

bench-instructions: ## instructions an operation (callgrind), against the committed figures
	@bench/instructions/run

bench-service: ## ingest-api beside an Express service that does the same work
	@scripts/bench-setup --service
	@bench/service/run
