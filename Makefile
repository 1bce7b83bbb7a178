# Heirloom: one non-recursive Makefile. `make help` lists the targets.
# MODE chooses the build: release (default), asan (ASan + UBSan), tsan; everything it makes is under build/$(MODE)/.

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
CXX := g++
endif
CCACHE := $(shell command -v ccache 2>/dev/null)
export CCACHE_SLOPPINESS := pch_defines,time_macros,include_file_mtime,include_file_ctime
REVISION := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo 000000000000)

OPT_release := -O2 -g1
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
FORTIFY := $(if $(filter release,$(MODE)),-D_FORTIFY_SOURCE=2)
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual \
        -Wimplicit-fallthrough -Werror
CXXFLAGS ?=
ALL_CXXFLAGS := -std=c++20 $(OPT_$(MODE)) $(FORTIFY) $(WARN) -D_GLIBCXX_ASSERTIONS -DSPDLOG_FMT_EXTERNAL -DSPDLOG_COMPILED_LIB \
        -fstack-protector-strong -fPIE -pthread -I. -isystem $(GEN) -isystem $(GEN)/api $(CPPFLAGS) $(CXXFLAGS)
ALL_LDFLAGS := $(OPT_$(MODE)) -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

# Folders, low to high: each may include itself and those before it (checked by `make layers` against docs/architecture.md).
PROXY_LAYERS := stats config network http access_log upstream handover router connection_manager listener admin
LIBS_proxy := -lyaml-cpp -lprotobuf -lcares -lspdlog -lfmt
LIBS_supervisor := -lprotobuf-lite -lsystemd -lspdlog -lfmt -lboost_filesystem -lboost_json -lboost_program_options
LIBS_ctl := -lprotobuf-lite -lboost_json -lboost_program_options -lfmt

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
$(B)/pch/%_pch.h.gch: scripts/pch/%_pch.h | $(GEN)/protos.stamp
	$(call say,PCH,$@)
	@mkdir -p $(@D)
	$(Q)cp $< $(B)/pch/$*_pch.h
	$(Q)$(CXX) $(filter-out -W%,$(ALL_CXXFLAGS)) -w -x c++-header -MMD -MP -MF $@.d -o $@ $(B)/pch/$*_pch.h

VERSION_FLAGS := -DHEIRLOOM_VERSION='"$(VERSION)"' -DHEIRLOOM_REVISION='"$(REVISION)"'
$(B)/obj/shm/version.o: ALL_CXXFLAGS += $(VERSION_FLAGS)
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
	$(Q)$(CCACHE) $(CXX) $(ALL_CXXFLAGS) $(1) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
endef
$(B)/obj/$(GEN)/%.o: $(GEN)/%.cc
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CXX) $(filter-out -W%,$(ALL_CXXFLAGS)) -w -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
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

-include $(shell find $(B) -name '*.d' 2>/dev/null)
