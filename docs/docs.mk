# Reference of the headers, ABI, sizes: included by the top Makefile.

##@ Documents and ABI
.PHONY: docs docs-metrics check-openapi abi-check size

docs: ##+ an HTML reference from the public headers, in build/docs/html
	@scripts/setup docs
	@scripts/docs $(BUILD)

docs-metrics: build ## regenerate docs/service/metrics.md and docs/service/metrics.json
	@$(BUILD)/apps/ingest-api/ingest-api metrics >docs/service/metrics.md
	@$(BUILD)/apps/ingest-api/ingest-api metrics --json >docs/service/metrics.json

check-openapi: install-packages-test build ## schemathesis compares the server with docs/openapi.yaml for OPENAPI_SECONDS (default 600); needs PyPI
	@OPENAPI_SECONDS=$(or $(OPENAPI_SECONDS),600) BUILD=$(BUILD) $(PYTEST) -m slow -s tests/test_schemathesis.py

abi-check: build ## compare every library with its ABI in abi/
	@scripts/setup docs
	@scripts/abi-check $(BUILD)

size: build ## sizes of the libraries and of their largest object files
	@scripts/size-report $(BUILD)
