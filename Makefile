# Heirloom: one non-recursive Makefile. `make help` lists the targets.
# MODE chooses the build: release (default), asan (ASan + UBSan), tsan, fuzz (clang); everything it makes is under build/$(MODE)/.

VERSION := 0.1.0
MODE ?= release
PREFIX ?= /usr
DESTDIR ?=
V ?= 0

B := build/$(MODE)
GEN := build/gen
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(2)')

CXX ?= g++
ifeq ($(origin CXX),default)
CXX := $(if $(filter fuzz,$(MODE)),clang++,g++)
endif
CCACHE := $(shell command -v ccache 2>/dev/null)
export CCACHE_SLOPPINESS := pch_defines,time_macros,include_file_mtime,include_file_ctime
# A precompiled header differs from build to build, what it was made of does not: that is what ccache goes by.
export CCACHE_PCH_EXTSUM := 1
REVISION := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo 000000000000)

OPT_release := -O2 -g1
# Without vptr: its check opens a pipe, so it cries wolf in a process that is out of descriptors.
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# Asio fences its executor for other threads; the supervisor has none.
OPT_tsan := -O1 -g -fsanitize=thread -Wno-tsan -fno-omit-frame-pointer
# clang does not tell by a macro that it watches addresses, and has sized deletes only when asked.
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -w -fsized-deallocation -D__SANITIZE_ADDRESS__=1
FORTIFY := $(if $(filter release,$(MODE)),-D_FORTIFY_SOURCE=2)
# g++ 12 cries wolf over std::string concatenation (PR 105651, 105329), and a precompiled header is no system header to it.
FALSE_ALARMS := -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual \
        -Wimplicit-fallthrough -Winvalid-pch $(FALSE_ALARMS) $(if $(filter fuzz,$(MODE)),,-Werror)
CXXFLAGS ?=
ALL_CXXFLAGS := -std=c++20 $(OPT_$(MODE)) $(FORTIFY) $(WARN) -D_GLIBCXX_ASSERTIONS -DSPDLOG_FMT_EXTERNAL -DSPDLOG_COMPILED_LIB \
        -fstack-protector-strong -fPIE -pthread -I. -isystem $(GEN) -isystem $(GEN)/api $(CPPFLAGS) $(CXXFLAGS)
ALL_LDFLAGS := $(OPT_$(MODE)) -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

# Folders, low to high: each may include itself and those before it (checked by `make layers` against docs/architecture.md).
PROXY_LAYERS := stats config runtime network tls http access_log upstream handover router connection_manager tcp_proxy listener admin
LIBS_proxy := -lssl -lcrypto -lnghttp2 -lre2 -lyaml-cpp -lprotobuf -lcares -lspdlog -lfmt
LIBS_supervisor := -lprotobuf-lite -lsystemd -lspdlog -lfmt -lboost_filesystem -lboost_json
LIBS_ctl := -lprotobuf-lite -lboost_json -lfmt

rwildcard = $(foreach d,$(wildcard $(1:=/*)),$(call rwildcard,$d,$2) $(filter $(subst *,%,$2),$d))

PROTOS := $(call rwildcard,proxy/api,*.proto)
API_CC := $(patsubst proxy/api/%.proto,$(GEN)/api/%.pb.cc,$(PROTOS))
SHM_PB := $(GEN)/shm/messages.pb.cc
CTL_SOURCES := $(wildcard supervisor/ctl_*.cc)
SUPERVISOR_SOURCES := $(filter-out $(CTL_SOURCES),$(wildcard supervisor/*.cc))
obj = $(patsubst %.cc,$(B)/obj/%.o,$(1))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

## -- build -------------------------------------------------------------------------------------------------------
PROGRAMS := $(B)/bin/heirloomd $(B)/bin/heirloomctl $(B)/bin/heirloom-proxy

.PHONY: all
all: $(PROGRAMS) ## Build the three programs into build/release/bin/

$(B)/lib/libshm.a: $(call obj,$(wildcard shm/*.cc) $(SHM_PB))
$(B)/lib/libapi.a: $(call obj,$(API_CC))
$(B)/lib/libsupervisor.a: $(call obj,$(filter-out supervisor/main.cc,$(SUPERVISOR_SOURCES)))
$(B)/lib/libctl.a: $(call obj,$(filter-out supervisor/ctl_main.cc,$(CTL_SOURCES)))
$(B)/lib/libserver.a: $(call obj,$(filter-out proxy/main.cc,$(wildcard proxy/*.cc)))
define proxy_lib
$(B)/lib/lib$(1).a: $(call obj,$(call rwildcard,proxy/$(1),*.cc))
endef
$(foreach f,$(PROXY_LAYERS),$(eval $(call proxy_lib,$f)))

$(B)/lib/%.a:
	$(call say,AR,$@)
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar crs $@ $^

reverse = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
# A folder's library and all below it, in link order (high to low).
PROXY_LIBS = $(foreach f,$(call reverse,$(PROXY_LAYERS)),$(B)/lib/lib$f.a) $(B)/lib/libapi.a $(B)/lib/libshm.a
upto = $(if $(filter $(1),$(firstword $(2))),$(1),$(firstword $(2)) $(call upto,$(1),$(wordlist 2,$(words $(2)),$(2))))
libs_upto = $(foreach f,$(call reverse,$(call upto,$(1),$(PROXY_LAYERS))),$(B)/lib/lib$f.a) $(B)/lib/libapi.a $(B)/lib/libshm.a

$(B)/bin/heirloomd: $(B)/obj/supervisor/main.o $(B)/lib/libsupervisor.a $(B)/lib/libshm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_supervisor)
$(B)/bin/heirloomctl: $(B)/obj/supervisor/ctl_main.o $(B)/lib/libctl.a $(B)/lib/libshm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_ctl)
$(B)/bin/heirloom-proxy: $(B)/obj/proxy/main.o $(B)/lib/libserver.a $(PROXY_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_proxy)

# Precompiled headers: one for the proxy and the contract, one for the supervisor (Asio).
PCH_proxy := $(B)/pch/proxy_pch.h
PCH_supervisor := $(B)/pch/supervisor_pch.h
# Explicit targets: of two pattern rules make would take the one whose precompiled header is there already.
$(PCH_proxy).gch $(PCH_supervisor).gch: $(B)/pch/%_pch.h.gch: scripts/pch/%_pch.h | $(GEN)/protos.stamp
	$(call say,PCH,$@)
	@mkdir -p $(@D)
	$(Q)cp $< $(B)/pch/$*_pch.h
	$(Q)$(CXX) $(ALL_CXXFLAGS) -x c++-header -MMD -MP -MF $@.d -o $@ $(B)/pch/$*_pch.h
	$(if $(CCACHE),$(Q)$(CXX) $(ALL_CXXFLAGS) -x c++ -E -P $(B)/pch/$*_pch.h | sha256sum > $@.sum)

VERSION_FLAGS := -DHEIRLOOM_VERSION='"$(VERSION)"' -DHEIRLOOM_REVISION='"$(REVISION)"'
# private: the precompiled header it depends on must not be built with them, or nobody else can use it.
$(B)/obj/shm/version.o: private ALL_CXXFLAGS += $(VERSION_FLAGS)
# The version object is rebuilt when the revision changes.
$(B)/obj/shm/version.o: $(GEN)/revision.stamp
$(GEN)/revision.stamp: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(REVISION)' | cmp -s - $@ || echo '$(VERSION) $(REVISION)' > $@
.PHONY: FORCE
FORCE:

define compile
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CXX) $(ALL_CXXFLAGS) $(1) $(AFTER_PCH) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
endef
ifeq ($(MODE),tsan)
PLAIN_PROTOBUF := -include scripts/pch/plain_protobuf.h
$(B)/obj/proxy/config/%.o $(B)/obj/tests/unit/config/%.o $(B)/obj/scripts/%.o: private AFTER_PCH = $(PLAIN_PROTOBUF)
endif
$(B)/obj/$(GEN)/%.o: $(GEN)/%.cc
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CXX) $(filter-out -W%,$(ALL_CXXFLAGS)) -w $(PLAIN_PROTOBUF) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
$(B)/obj/supervisor/%.o: supervisor/%.cc $(PCH_supervisor).gch
	$(call compile,-include $(PCH_supervisor))
$(B)/obj/tests/unit/supervisor/%.o: tests/unit/supervisor/%.cc $(PCH_supervisor).gch
	$(call compile,-include $(PCH_supervisor))
$(B)/obj/%.o: %.cc $(PCH_proxy).gch
	$(call compile,-include $(PCH_proxy))

$(GEN)/protos.stamp: $(PROTOS) shm/messages.proto
	$(call say,PROTOC,$(words $^) files)
	@mkdir -p $(GEN)/api $(GEN)/shm
	$(Q)protoc -I. --cpp_out=$(GEN) shm/messages.proto
	$(Q)$(if $(PROTOS),protoc -Iproxy/api --cpp_out=$(GEN)/api $(patsubst proxy/api/%,%,$(PROTOS)))
	@touch $@
$(API_CC) $(SHM_PB): $(GEN)/protos.stamp ;


## -- tests -------------------------------------------------------------------------------------------------------
# One doctest binary per folder, linked with that folder's library and those below it: a test cannot reach upward.
UNIT_FOLDERS := $(notdir $(patsubst %/,%,$(wildcard tests/unit/*/)))
unit_objects = $(call obj,$(wildcard tests/unit/$(1)/*_test.cc)) $(B)/obj/tests/unit/main.o
unit_libs = $(if $(filter shm,$(1)),$(B)/lib/libshm.a,$(if $(filter supervisor,$(1)),$(B)/lib/libsupervisor.a $(B)/lib/libctl.a $(B)/lib/libshm.a,$(if $(filter server,$(1)),$(B)/lib/libserver.a $(PROXY_LIBS),$(call libs_upto,$(1)))))
unit_sys = $(if $(filter supervisor,$(1)),$(LIBS_supervisor),$(LIBS_proxy))
define unit_rule
$(B)/tests/unit_$(1): $(call unit_objects,$(1)) $(call unit_libs,$(1))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CXX) $$(ALL_LDFLAGS) -o $$@ $$^ $(call unit_sys,$(1))
.PHONY: check-unit-$(1)
check-unit-$(1): $(B)/tests/unit_$(1)
	$$<
endef
$(foreach f,$(UNIT_FOLDERS),$(eval $(call unit_rule,$f)))


# Fuzz target NAME is tests/fuzz/NAME_fuzz.cc; its corpus is tests/fuzz/corpus/NAME_fuzz/. Under g++ a small main replays it.
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.cc,%,$(wildcard tests/fuzz/*_fuzz.cc))
FUZZ_LIBS := $(PROXY_LIBS)
$(B)/tests/fuzz_%: $(B)/obj/tests/fuzz/%_fuzz.o $(if $(filter fuzz,$(MODE)),,$(B)/obj/tests/fuzz/replay_main.o) $(FUZZ_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_LDFLAGS) $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer) -o $@ $^ $(LIBS_proxy)

# Helpers of scenarios, storm and bench: one file each, nothing of the project in them but what the file includes.
LIBS_storm_client := -lssl -lcrypto
LIBS_storm_http2 := -lnghttp2 -lssl -lcrypto
LIBS_storm_tunnel := -lssl -lcrypto
LIBS_echo_upstream := -lnghttp2
HARNESS_TOOLS := $(patsubst tests/harness/%.cc,$(B)/tests/%,$(wildcard tests/harness/*.cc)) \
                 $(patsubst tests/bench/%.cc,$(B)/tests/%,$(wildcard tests/bench/*.cc))
$(B)/tests/%: $(B)/obj/tests/harness/%.o $(B)/lib/libshm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ -lprotobuf-lite $(LIBS_$*)
$(B)/tests/%: $(B)/obj/tests/bench/%.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto

UNIT_TESTS := $(patsubst %,$(B)/tests/unit_%,$(UNIT_FOLDERS))
REPLAYS := $(patsubst %,$(B)/tests/fuzz_%,$(FUZZ_TARGETS))
# Parallel by default, also when plain `make check` was typed.
SUBMAKE = +$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc)) MODE=$(MODE)

.PHONY: deps check check-tools check-unit check-integration check-one check-asan check-tsan fuzz fuzz-one fuzz-replay
deps: ## Install the Debian packages that are missing for build and tests (root or sudo)
	@scripts/deps

# `deps` may install what this file looks for while it is read (ccache, compiler): so what follows is a make of its own.
check: deps ## Build, then run unit tests, corpora and scenarios; ends with `N passed, M failed`
	$(SUBMAKE) check-tools
	@scripts/run_tests --build $(B) all
check-tools: $(PROGRAMS) $(UNIT_TESTS) $(REPLAYS) $(HARNESS_TOOLS)
check-unit: deps ## Unit tests only
	$(SUBMAKE) $(UNIT_TESTS)
	@scripts/run_tests --build $(B) unit
check-integration: deps ## Scenarios only
	$(SUBMAKE) $(PROGRAMS) $(HARNESS_TOOLS)
	@scripts/run_tests --build $(B) integration
check-one: deps ## One test: T=tests/integration/http1/keep_alive.py or T=tests/unit/http/headers_test.cc
	$(SUBMAKE) check-tools
	@scripts/run_tests --build $(B) $(T)
fuzz-replay: ## Play the fuzz corpora through the targets, built by g++
	$(SUBMAKE) $(REPLAYS)
	@scripts/run_tests --build $(B) fuzz
check-asan: ## `make check` on the ASan + UBSan build
	$(SUBMAKE) MODE=asan check
check-tsan: ## `make check` on the TSan build
	$(SUBMAKE) MODE=tsan check

TIME ?= 60
fuzz: ## Fuzz with clang + libFuzzer: T=name, or each target; TIME=60 seconds each
	@scripts/deps && scripts/deps fuzz
	$(SUBMAKE) MODE=fuzz fuzz-run TIME=$(TIME) $(if $(T),FUZZ_TARGETS=$(T))
.PHONY: fuzz-run
fuzz-run: $(patsubst %,$(B)/tests/fuzz_%,$(FUZZ_TARGETS))
	@scripts/run_fuzz --build $(B) --seconds $(TIME) $(FUZZ_TARGETS)

## -- show --------------------------------------------------------------------------------------------------------
RELOADS ?= 100
ROUNDS ?= 5
SECONDS ?= 3
.PHONY: demo storm bench h2spec compare
demo: deps ## Watch a supervised proxy hot-restart under load, a minute in all
	$(SUBMAKE) $(PROGRAMS) $(HARNESS_TOOLS)
	@scripts/demo --build $(B)
storm: deps ## Reload storm under mixed load: RELOADS=100; fails when one request was lost
	$(SUBMAKE) $(PROGRAMS) $(HARNESS_TOOLS)
	@scripts/storm --build $(B) --reloads $(RELOADS)
bench: deps ## Side by side with nginx, haproxy, nghttpx and, when there, Envoy: ROUNDS=5 SECONDS=3 ONLY=tls,h2
	@scripts/deps bench
	$(SUBMAKE) $(PROGRAMS) $(HARNESS_TOOLS)
	@scripts/bench --build $(B) --rounds $(ROUNDS) --seconds $(SECONDS) --only '$(ONLY)'
h2spec: deps ## Let h2spec judge downstream HTTP/2; fetched and built by go: TLS=1 for a run through TLS too
	$(SUBMAKE) $(PROGRAMS)
	@scripts/h2spec --build $(B) $(if $(filter 1,$(TLS)),--tls)
compare: deps ## Play the same exchanges to a stock Envoy (fetched, or $$ENVOY) and to us; print what differs: ONLY=http1_heads
	@scripts/deps compare
	$(SUBMAKE) $(PROGRAMS)
	@scripts/compare --build $(B) --only '$(ONLY)'

## -- style -------------------------------------------------------------------------------------------------------
SOURCE_FILES = $(shell git ls-files '*.cc' '*.h')
LINT_FILES ?= $(shell git diff --name-only --diff-filter=d HEAD -- '*.cc')
$(B)/tests/config_support: $(B)/obj/scripts/config_support.o $(B)/lib/libconfig.a $(B)/lib/libapi.a $(B)/lib/libshm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_proxy)
.PHONY: config-support
config-support: $(B)/tests/config_support ## Write docs/config-support.md from the schema
	$(Q)$< > docs/config-support.md

.PHONY: layers size headers format format-check lint precommit
layers: ## Check the include order that docs/architecture.md gives
	@scripts/check_layers
size: ## No file over 500 lines
	@scripts/check_size
headers: $(GEN)/protos.stamp ## Each header compiles alone
	@printf '%s\n' $(filter %.h,$(SOURCE_FILES)) | xargs -P $$(nproc) -I {} sh -c \
	  '$(CXX) $(filter-out -g%,$(ALL_CXXFLAGS)) -fsyntax-only -include {} -x c++ /dev/null || { echo {}; exit 1; }'
format: ## Lay out all sources by .clang-format
	@scripts/deps lint && clang-format -i $(SOURCE_FILES)
format-check: ## Fail when a source is not laid out so
	@scripts/deps lint && clang-format --dry-run -Werror $(SOURCE_FILES)
lint: compile_commands.json ## shellcheck, systemd-analyze verify, clang-tidy on changed files (or LINT_FILES=...)
	@scripts/deps lint && scripts/lint $(LINT_FILES)
precommit: layers size format-check ## What should hold before each commit
compile_commands.json: $(GEN)/protos.stamp ## For editors and clang-tidy
	@$(MAKE) --no-print-directory -Bnk V=1 CCACHE= all $(UNIT_TESTS) 2>/dev/null | scripts/compile_commands > $@

## -- ship --------------------------------------------------------------------------------------------------------
# What goes where: target directory, file, mode.
BINDIR = $(DESTDIR)$(PREFIX)/bin
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
MANDIR = $(DESTDIR)$(PREFIX)/share/man
.PHONY: install uninstall clean help
install: all ## Install programs, units and man pages: DESTDIR=, PREFIX=/usr
	install -d $(BINDIR) $(UNITDIR) $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d $(DESTDIR)/etc/logrotate.d
	install -m 755 $(PROGRAMS) $(BINDIR)
	install -m 644 $(wildcard systemd/*.service systemd/*.socket) $(UNITDIR)
	install -m 644 systemd/heirloom.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/heirloom.conf
	install -m 644 systemd/heirloom.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/heirloom.conf
	install -m 644 systemd/heirloom.logrotate $(DESTDIR)/etc/logrotate.d/heirloom
	set -e; for section in 5 8; do install -d $(MANDIR)/man$$section; done
	set -e; for page in $(wildcard docs/man/*.[58]); do install -m 644 $$page $(MANDIR)/man$${page##*.}/; done
uninstall: ## Remove what install put there
	rm -f $(addprefix $(BINDIR)/,$(notdir $(PROGRAMS))) $(addprefix $(UNITDIR)/,$(notdir $(wildcard systemd/*.service systemd/*.socket)))
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/heirloom.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/heirloom.conf $(DESTDIR)/etc/logrotate.d/heirloom
	rm -f $(foreach page,$(wildcard docs/man/*.[58]),$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
clean: ## Remove build/
	rm -rf build compile_commands.json
help: ## This list
	@awk -F ':.*## ' '/^## --/ { gsub(/[#-]+ ?/, ""); printf "\n%s\n", $$0 } \
	  /^[a-z][a-z0-9_.-]*:.*## / { gsub(/\$$\$$/, "$$"); printf "  %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

-include $(shell find $(B) -name '*.d' 2>/dev/null)
