# The reference from the headers, ABI and sizes: included by the top Makefile.

.PHONY: docs docs-metrics abi-check size

docs: ## an HTML reference from the public headers, in build/docs/html
	@scripts/setup docs
	@scripts/docs $(BUILD)

docs-metrics: build ## write docs/metrics.md and docs/metrics.json anew
	@$(BUILD)/apps/ingest-api/ingest-api metrics >docs/metrics.md
	@$(BUILD)/apps/ingest-api/ingest-api metrics --json >docs/metrics.json

abi-check: build ## hold every library to its ABI in abi/
	@scripts/setup docs
	@scripts/abi-check $(BUILD)

size: build ## sizes of the libraries and of their largest object files
	@scripts/size-report $(BUILD)
