# Dashboards: included by the top Makefile.
GRAFANA_GENERATE := infra/grafana/generate
PREVIEW := tools/dashboard-preview

##@ Dashboards
.PHONY: dashboards pictures lint-dashboards dashboard-preview boards-packages

LINT_TARGETS += lint-dashboards

boards-packages:
	@scripts/setup boards

$(GRAFANA_GENERATE)/node_modules/.installed: $(GRAFANA_GENERATE)/package-lock.json | boards-packages
	@cd $(GRAFANA_GENERATE) && npm ci --no-progress
	@touch $@

dashboards: $(GRAFANA_GENERATE)/node_modules/.installed ## write infra/grafana/dashboards/*.json with the generator
	@cd $(GRAFANA_GENERATE) && npm run --silent generate

lint-dashboards: $(GRAFANA_GENERATE)/node_modules/.installed ## check the dashboards against the generator and the linter's rules
	@cd $(GRAFANA_GENERATE) && npm run --silent check && node lint.mjs

$(PREVIEW)/node_modules/.installed: $(PREVIEW)/package-lock.json | boards-packages
	@cd $(PREVIEW) && npm ci --no-progress
	@touch $@

$(PREVIEW)/dist/index.html: $(PREVIEW)/node_modules/.installed $(PREVIEW)/build.mjs $(wildcard $(PREVIEW)/src/* $(PREVIEW)/src/*/*)
	@cd $(PREVIEW) && npm run --silent build

dashboard-preview: $(PREVIEW)/dist/index.html ## build the page that shows the dashboards without Grafana

pictures: build dashboard-preview ## take the pictures in docs/images: an incident of the demo and the dashboards (5 minutes)
	@scripts/setup run test browser
	@BUILD=$(BUILD) SCREENSHOTS=$(CURDIR)/docs/images $(PYTEST) -q tests/test_pictures.py
