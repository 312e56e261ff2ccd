# The exporter's live view: included by the top Makefile.
LIVE := lib/promc-exporter/live

.PHONY: live-view-packages

# The packages from which the page is built into the library, where they can be had; without npm or a network `make build` says so
# once and builds a plain page instead. `make clean` makes it try again.
# `make run` and `make demo` do without: their addresses come first.
ifeq ($(filter run demo,$(MAKECMDGOALS)),)
$(BUILD)/build.ninja: | live-view-packages
endif

live-view-packages:
	@scripts/live-view-packages $(LIVE) $(BUILD)
