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
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. -I$(O)/gen $(WARNINGS) $(HARDENING) $(SANITIZE) \
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
EARLY_GOALS := help clean
GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out $(EARLY_GOALS),$(GOALS)),)
include $(O)/config.mk
endif

$(O)/config.mk: mk/configure mk/modules.mk
	$(Q)mk/configure $@ '$(LIBRARIES)' '$(TEST_LIBRARIES)' && touch $@

# --- stamps: files that change only when what they hold changes -------------
.PHONY: FORCE
FORCE:
define write_if_changed
@mkdir -p $(@D) && $(1) >$@.new && if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi
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
$(O)/obj/tests/%.o: ALL_CFLAGS += $(TEST_CFLAGS)

$(O)/libtest.a: $(TEST_LIB_OBJECTS) $(O)/objects.stamp
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(O)/libtest.a $(LIBRARY)
	$(call say,LINK,$@)mkdir -p $(@D) && \
		$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBRARY_LIBS) $(TEST_LIBS)

.PHONY: unit-tests
unit-tests: $(UNIT_TESTS)

# --- tests ------------------------------------------------------------------
SCRIPT_TESTS := $(filter-out tests/ml/%,$(wildcard tests/*/*-test))
ML_TESTS := $(wildcard tests/ml/*-test)
RUN_TESTS = CC='$(CC)' tests/run --build $(O)
TESTABLE = $(BINARY) $(addprefix $(O)/,$(NAMES)) $(UNIT_TESTS)

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

# --- the rest --------------------------------------------------------------
.PHONY: clean
clean:
	rm -rf $(O)

.PHONY: help
help:
	@echo 'Uniscope $(VERSION)'
	@echo
	@echo '  make               build $(O)/uniscope'
	@echo '  make unit-tests    build the unit tests ($(O)/tests/unit)'
	@echo '  make clean         remove $(O)'
	@echo
	@echo 'Variables: O=FOLDER (build), CC=clang, V=1 (show commands), DEVELOPER=1 (-Werror),'
	@echo '  DEBUG=1, SAN=address,undefined, COVERAGE=1, PREFIX, DESTDIR, CFLAGS, LDFLAGS.'
