# SPDX-License-Identifier: BSD-2-Clause
# The whole build. 'make help' explains it.
VERSION := 0.1.0

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

include mk/modules.mk

# --- what the user may set -------------------------------------------------
comma := ,
CC := $(if $(filter undefined default,$(origin CC)),gcc,$(CC))
AR := $(if $(filter undefined default,$(origin AR)),ar,$(AR))
O ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(DEBUG),-debug)$(if $(COVERAGE),-coverage)
PREFIX ?= /usr/local
DESTDIR ?=
CFLAGS ?= $(if $(DEBUG),-Og -g3,-O2 -g)
LDFLAGS ?=
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2);)

# --- flags -----------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wwrite-strings \
	-Wvla -Wpointer-arith -Wformat=2 -Wno-format-nonliteral
ifdef DEVELOPER
WARNINGS += -Werror -Wshadow -Wundef -Wredundant-decls
endif
HARDENING := $(if $(SAN)$(DEBUG)$(COVERAGE),,-D_FORTIFY_SOURCE=2 -fstack-protector-strong)
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
COVER := $(if $(COVERAGE),--coverage)
BASIC_FLAGS = -std=gnu11 -D_GNU_SOURCE -I. -I$(O)/gen
OWN_FLAGS = -include core/base/banned.h
ALL_CFLAGS = $(BASIC_FLAGS) $(OWN_FLAGS) $(WARNINGS) $(HARDENING) $(SANITIZE) \
	$(COVER) $(LIBRARY_CFLAGS) -pthread $(CFLAGS)
ALL_LDFLAGS = $(SANITIZE) $(COVER) -pthread $(LDFLAGS)

# --- what there is ---------------------------------------------------------
SOURCES := $(foreach m,$(MODULES),$(wildcard $(m)/*.c))
LIB_OBJECTS := $(SOURCES:%.c=$(O)/obj/%.o)
MAIN_OBJECT := $(O)/obj/main.o
ALL_ASSETS = $(ASSETS) $(D3)
asset_object = $(addprefix $(O)/assets/,$(addsuffix .o,$(notdir $(1))))
LIBRARY := $(O)/libuniscope.a
NAMES := unitrace depgraph dedup
BINARY := $(O)/uniscope

UNIT_SOURCES := $(wildcard tests/unit/test-*.c)
UNIT_TESTS := $(UNIT_SOURCES:%.c=$(O)/%)
TEST_LIB_OBJECTS := $(patsubst %.c,$(O)/obj/%.o,$(wildcard tests/lib/*.c))

.PHONY: all
all: $(BINARY) $(addprefix $(O)/,$(NAMES))

# --- libraries -------------------------------------------------------------
# These goals work before the libraries are there (they install them).
EARLY_GOALS := help clean demo test test-ml bench check dist uninstall
GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out $(EARLY_GOALS),$(GOALS)),)
include $(O)/config.mk
endif

$(O)/config.mk: mk/configure mk/modules.mk
	$(Q)CC='$(CC)' mk/configure $@ '$(LIBRARIES)' '$(TEST_LIBRARIES)' && touch $@

# --- stamps: files that change only when what they hold changes -------------
.PHONY: FORCE
FORCE:
define write_if_changed
@mkdir -p $(@D) && new=$@.$$$$ && $(1) >$$new && if cmp -s $$new $@; then rm -f $$new; \
	else mv -f $$new $@; fi
endef

$(O)/flags.stamp: FORCE
	$(call write_if_changed,{ $(CC) --version | head -n 1; \
		echo '$(subst ','\'',$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS))'; })
$(O)/objects.stamp: FORCE
	$(call write_if_changed,echo '$(LIB_OBJECTS) $(ALL_ASSETS) $(TEST_LIB_OBJECTS)')
$(O)/gen/version.h: FORCE
	$(call write_if_changed,printf '#define UNISCOPE_VERSION "%s"\n' '$(VERSION)')
$(O)/gen/assets.h: FORCE
	$(call write_if_changed,mk/asset header $(ALL_ASSETS))

# --- compile and link ------------------------------------------------------
$(O)/obj/%.o: %.c $(O)/flags.stamp | $(O)/gen/version.h $(O)/gen/assets.h
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define asset_rule
$(call asset_object,$(1)): $(1) mk/asset $(O)/flags.stamp
	$$(call say,EMBED,$$<)mkdir -p $$(@D) && mk/asset source $$< >$$(@:.o=.S) && \
		$$(CC) -c -o $$@ $$(@:.o=.S)
endef
$(foreach a,$(ALL_ASSETS),$(eval $(call asset_rule,$(a))))

$(LIBRARY): $(LIB_OBJECTS) $(call asset_object,$(ALL_ASSETS)) $(O)/objects.stamp
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(BINARY): $(MAIN_OBJECT) $(LIBRARY)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBRARY_LIBS)

$(addprefix $(O)/,$(NAMES)): $(BINARY)
	$(Q)ln -sf $(<F) $@

# --- unit tests ------------------------------------------------------------
$(O)/obj/tests/%.o: private OWN_FLAGS = $(TEST_CFLAGS)

$(O)/libtest.a: $(TEST_LIB_OBJECTS) $(O)/objects.stamp
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(O)/libtest.a $(LIBRARY)
	$(call say,LINK,$@)mkdir -p $(@D) && \
		$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBRARY_LIBS) $(TEST_LIBS)

.PHONY: unit-tests
unit-tests: $(UNIT_TESTS)

# --- man pages and completion ------------------------------------------------
MAN_SOURCES := $(wildcard docs/man/*.1.in)
MAN_PAGES := $(MAN_SOURCES:docs/man/%.in=$(O)/man/%)
COMPLETIONS := $(addprefix $(O)/completion/,bash zsh fish)

$(O)/man/%: docs/man/%.in docs/man/common-options.inc docs/man/exit-status.inc Makefile
	$(call say,MAN,$@)mkdir -p $(@D) && sed -e 's/@VERSION@/$(VERSION)/g' \
		-e '/^@COMMON_OPTIONS@/{r docs/man/common-options.inc' -e 'd}' \
		-e '/^@EXIT_STATUS@/{r docs/man/exit-status.inc' -e 'd}' $< >$@
$(COMPLETIONS): $(O)/completion/%: $(BINARY)
	$(call say,GEN,$@)mkdir -p $(@D) && $(BINARY) completion $* >$@

.PHONY: man
man: $(MAN_PAGES)

# --- tests ------------------------------------------------------------------
SCRIPT_TESTS := $(filter-out tests/ml/%,$(wildcard tests/*/*-test))
ML_TESTS := $(wildcard tests/ml/*-test)
# What a test that calls make must say, so that nothing is built anew.
MAKE_VARIABLES = $(foreach v,O CC SAN DEBUG COVERAGE DEVELOPER,$(if $($(v)),$(v)='$($(v))'))
RUN_TESTS = CC='$(CC)' MAKE_VARIABLES="$(MAKE_VARIABLES)" tests/run --build $(O)
TESTABLE = $(BINARY) $(addprefix $(O)/,$(NAMES)) $(UNIT_TESTS) $(MAN_PAGES) $(COMPLETIONS)

.PHONY: run-tests run-tests-ml
run-tests: $(TESTABLE)
	@$(RUN_TESTS) $(UNIT_TESTS) $(SCRIPT_TESTS)
run-tests-ml: $(TESTABLE)
	@$(RUN_TESTS) --time-limit 300 $(ML_TESTS)

# One test alone: make tests/cli/help-test, make tests/unit/test-buf
.PHONY: $(SCRIPT_TESTS) $(ML_TESTS) $(UNIT_SOURCES:.c=)
$(SCRIPT_TESTS) $(ML_TESTS): $(TESTABLE)
	@$(RUN_TESTS) -v --time-limit 600 $@
$(UNIT_SOURCES:.c=): tests/unit/%: $(O)/tests/unit/%
	@$(RUN_TESTS) -v --time-limit 600 $<

-include $(LIB_OBJECTS:.o=.d) $(MAIN_OBJECT:.o=.d) $(UNIT_SOURCES:%.c=$(O)/obj/%.d) \
	$(TEST_LIB_OBJECTS:.o=.d)

# --- fuzzing: libFuzzer, so clang -------------------------------------------
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_SANITIZE := fuzzer-no-link,address,undefined
.PHONY: fuzz-targets
fuzz-targets: $(FUZZ_TARGETS)
$(O)/fuzz/%: $(O)/obj/tests/fuzz/%.o $(O)/libtest.a $(LIBRARY)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ \
		$(LIBRARY_LIBS)
-include $(FUZZ_TARGETS:$(O)/fuzz/%=$(O)/obj/tests/fuzz/%.d)

# --- the two commands, and what is like them ----------------------------------
# Each looks for Debian packages first; what was asked of pkg-config before some
# of them came is asked again.
MAKE_AGAIN = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
install_deps = @mk/deps $(1) && if grep -qs TEST_MISSING $(O)/config.mk; then rm -f $(O)/config.mk; fi

.PHONY: demo test test-ml bench check
demo:
	$(call install_deps,demo)
	@+$(MAKE_AGAIN) all
	@mk/demo $(abspath $(O))
test:
	$(call install_deps,test)
	@+$(MAKE_AGAIN) run-tests
test-ml:
	$(call install_deps,ml)
	@+$(MAKE_AGAIN) run-tests-ml
bench:
	$(call install_deps,bench)
	@+$(MAKE_AGAIN) all
	@tests/bench/run $(O)
check:
	$(call install_deps,check)
	@+$(MAKE_AGAIN) -k check-headers check-layers check-format check-man check-shell

# --- checks -------------------------------------------------------------------
HEADERS := $(foreach m,$(MODULES),$(wildcard $(m)/*.h)) $(wildcard tests/lib/*.h)
C_FILES := main.c $(SOURCES) $(HEADERS) $(wildcard tests/*/*.[ch])
SHELL_FILES = $(wildcard .ci/run) $(shell grep -lE '^\#!/bin/(ba)?sh' mk/* tests/*/*-test tests/bench/* 2>/dev/null) \
	$(wildcard tests/lib/*.sh)

.PHONY: check-headers check-layers check-format check-man check-shell format
check-headers: $(O)/gen/version.h $(O)/gen/assets.h
	@echo check-headers; mk/check-headers $(BASIC_FLAGS) \
		$(LIBRARY_CFLAGS) $(TEST_CFLAGS) -Wall -Wextra -- $(HEADERS)
check-layers:
	@echo check-layers; mk/check-layers main.c $(SOURCES) $(filter-out tests/%,$(HEADERS))
check-format:
	@echo check-format; clang-format --dry-run -Werror $(C_FILES)
check-man: $(MAN_PAGES) $(BINARY)
	@echo check-man; mk/check-man $(BINARY) $(O)/man
check-shell:
	@echo check-shell; shellcheck -x $(SHELL_FILES)
format:
	clang-format -i $(C_FILES)

# --- install --------------------------------------------------------------------
BIN_DIR = $(DESTDIR)$(PREFIX)/bin
MAN_DIR = $(DESTDIR)$(PREFIX)/share/man/man1
DOC_DIR = $(DESTDIR)$(PREFIX)/share/doc/uniscope
SCHEMA_DIR = $(DESTDIR)$(PREFIX)/share/uniscope/schema
BASH_DIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH_DIR = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH_DIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DOCS := README.md NEWS.md LICENSE $(wildcard docs/*.md)
SCHEMAS := $(wildcard docs/schemas/*.json)
# Other names that have a man page of their own command.
MAN_ALIASES := $(foreach pair,unitrace:trace depgraph:depgraph dedup:dedup,$(if \
	$(wildcard docs/man/uniscope-$(lastword $(subst :, ,$(pair))).1.in),$(pair)))

.PHONY: install uninstall
install: all man $(COMPLETIONS)
	install -d $(BIN_DIR) $(MAN_DIR) $(DOC_DIR) $(SCHEMA_DIR) $(BASH_DIR) $(ZSH_DIR) $(FISH_DIR)
	install -m 755 $(BINARY) $(BIN_DIR)/uniscope
	for name in $(NAMES); do ln -sf uniscope $(BIN_DIR)/$$name; done
	install -m 644 $(MAN_PAGES) $(MAN_DIR)
	for pair in $(MAN_ALIASES); do \
		ln -sf uniscope-$${pair#*:}.1 $(MAN_DIR)/$${pair%%:*}.1; done
	install -m 644 $(DOCS) $(DOC_DIR)
	$(if $(SCHEMAS),install -m 644 $(SCHEMAS) $(SCHEMA_DIR))
	install -m 644 $(O)/completion/bash $(BASH_DIR)/uniscope
	for name in $(NAMES); do ln -sf uniscope $(BASH_DIR)/$$name; done
	install -m 644 $(O)/completion/zsh $(ZSH_DIR)/_uniscope
	install -m 644 $(O)/completion/fish $(FISH_DIR)/uniscope.fish
	for name in $(NAMES); do ln -sf uniscope.fish $(FISH_DIR)/$$name.fish; done

uninstall:
	rm -f $(BIN_DIR)/uniscope $(addprefix $(BIN_DIR)/,$(NAMES))
	rm -f $(addprefix $(MAN_DIR)/,$(notdir $(MAN_SOURCES:.in=)) $(addsuffix .1,$(NAMES)))
	rm -f $(BASH_DIR)/uniscope $(addprefix $(BASH_DIR)/,$(NAMES)) $(ZSH_DIR)/_uniscope
	rm -f $(FISH_DIR)/uniscope.fish $(addprefix $(FISH_DIR)/,$(addsuffix .fish,$(NAMES)))
	rm -rf $(DOC_DIR) $(DESTDIR)$(PREFIX)/share/uniscope

.PHONY: dist
dist:
	@mkdir -p $(O)
	git archive --format=tar --prefix=uniscope-$(VERSION)/ HEAD | gzip -n9 \
		>$(O)/uniscope-$(VERSION).tar.gz
	@echo $(O)/uniscope-$(VERSION).tar.gz

.PHONY: clean
clean:
	rm -rf $(O)

.PHONY: help
help:
	@echo 'Uniscope $(VERSION)'
	@echo
	@echo '  make demo          install what is missing, build, show it on a real library'
	@echo '  make test          install what is missing, build, run all tests'
	@echo '  make test-ml       the tests that need large ML packages'
	@echo '  make bench         compare the speed with other tools'
	@echo '  make check         headers, layers, format, man pages, shell scripts'
	@echo
	@echo '  make               build $(O)/uniscope'
	@echo '  make install       to DESTDIR + PREFIX ($(PREFIX)); make uninstall takes it away'
	@echo '  make tests/X/Y     one test, for example tests/cli/help-test or tests/unit/test-tree'
	@echo '  make fuzz-targets  with CC=clang SAN=$(FUZZ_SANITIZE)'
	@echo '  make dist          a tarball of the sources'
	@echo '  make format        clang-format all of it'
	@echo '  make clean         remove $(O)'
	@echo
	@echo 'Variables: O=FOLDER (build), CC=clang, V=1 (show commands), DEVELOPER=1 (-Werror),'
	@echo '  DEBUG=1, SAN=address,undefined, COVERAGE=1, PREFIX, DESTDIR, CFLAGS, LDFLAGS;'
	@echo '  NO_INSTALL=1: print what demo, test, ... would install, and stop.'
