# The exporter's live view: included by the top Makefile.
LIVE := lib/promc-exporter/live

.PHONY: live-view-packages

# The packages from which the page is built into the library, where they can be had; without npm or a network `make build` says so
# once and builds a plain page instead. `make clean` makes it try again.
$(BUILD)/build.ninja: | live-view-packages

live-view-packages:
	@scripts/live-view-packages $(LIVE) $(BUILD)
