# TrustedRouter. One file, no recursion, no configure.
#   make            build everything            make test       everything, both planes, PostgreSQL
#   make check      unit, layers, symbols       make run        build, start, print a key and a curl line
#   make up / down  the same in the background  make asan fuzz bench format clean
#   make deb        Debian packages, in build/deb (VERSION=...)        make web    the console, in build/web
#   make image      the guest's kernel, initrd and measurements (VARIANT, CONFIG, OUT: deploy/image/README.md)
# Variables: CC, MODE=release|asan|tsan|clang|fuzz, T=name (one unit test: make unit T=json), V=1 (show commands).

MODE ?= release
B    := build/$(MODE)
Q    := $(if $(V),,@)
CC_release := gcc
CC_clang   := clang-14
CC_asan    := clang-14
CC_tsan    := clang-14
CC_fuzz    := clang-14
ifeq ($(origin CC),default)
CC := $(CC_$(MODE))
endif

WARN := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wformat=2 -Wvla -Wswitch-enum -Werror
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_clang   := -O1 -D_FORTIFY_SOURCE=2 # compiled for its warnings, never run
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
OPT_fuzz    := $(OPT_asan) -fsanitize=fuzzer-no-link
CFLAGS  += $(OPT_$(MODE)) -fPIE -fstack-protector-strong -fcf-protection=full -ffile-prefix-map=$(CURDIR)=.
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
LDFLAGS += $(if $(filter asan fuzz,$(MODE)),-fsanitize=address$(comma)undefined,)
LDFLAGS += $(if $(filter tsan,$(MODE)),-fsanitize=thread,)
comma := ,

# --- layers: a directory sees itself and what is left of it (tests/checks/layers.sh checks the .d files)
DIRS              := common proto attestation dataplane controlplane
DATAPLANE         := $(addprefix dataplane/,llm route http trust keys acme provider link core synth api)
SEES_common       := common
SEES_proto        := common proto
SEES_attestation  := common proto attestation attestation/tools
SEES_dataplane    := common proto attestation dataplane $(DATAPLANE)
SEES_controlplane := common proto attestation controlplane controlplane/api controlplane/money \
                     controlplane/peers controlplane/db controlplane/log controlplane/payments \
                     controlplane/identity
SEES_controlplane/trctl := common proto controlplane/trctl
# inside the data plane a folder sees llm, itself and what is named here; only the files above the folders
# see all of them
folder             = common proto attestation $(addprefix dataplane/,llm $1)
SEES_dataplane/llm      := $(call folder)
SEES_dataplane/route    := $(call folder,route)
SEES_dataplane/http     := $(call folder,http)
SEES_dataplane/trust    := $(call folder,trust)
SEES_dataplane/keys     := $(call folder,keys)
SEES_dataplane/acme     := $(call folder,acme trust)
SEES_dataplane/provider := $(call folder,provider http route)
SEES_dataplane/link     := $(call folder,link trust keys)
SEES_dataplane/core     := $(call folder,core route trust keys link)
SEES_dataplane/synth    := $(call folder,synth core provider http route trust keys link)
SEES_dataplane/api      := $(call folder,api synth core provider http route trust keys link acme)
SEES_dataplane/guest    := common dataplane/guest
SEES_tests        := . tests dataplane/guest $(SEES_dataplane) $(filter-out $(SEES_attestation),$(SEES_controlplane))

LIBS_base         := -lh2o -luv -lssl -lcrypto -lsodium -lseccomp -lm -lpthread
LIBS_dataplane    := $(LIBS_base) -lz -lzstd
LIBS_controlplane := $(LIBS_base) -lpq -lcurl -lsecp256k1 -lfido2
LIBS_tests        := $(LIBS_controlplane) -lz -lzstd -ljson-c -ldl

# --- sources: everything in a layer is its library, but for what a program must choose at link time
PROGRAM_ONLY := dataplane/main.c dataplane/zero_free.c controlplane/main.c dataplane/guest/main.c \
                $(wildcard attestation/tools/*.c attestation/sim/*.c controlplane/trctl/*.c) attestation/quote_snp.c
SRC          := $(sort $(shell find $(DIRS) -name '*.c'))
lib_src       = $(filter $1/%,$(filter-out $(PROGRAM_ONLY),$(SRC)))
SIM_SRC      := $(wildcard attestation/sim/*.c)
SNP_SRC      := $(wildcard attestation/quote_snp.c)
UNIT_SRC     := $(wildcard tests/unit/test_*.c)
FUZZ_SRC     := $(wildcard tests/fuzz/fuzz_*.c)
# (G) files see content: whoever includes content_view.h is compiled behind the guard.
CONTENT      := $(shell grep -l '"content_view.h"' $(filter-out common/content.c,$(SRC)) /dev/null)

obj           = $(patsubst %.c,$B/%.o,$1)
PROGRAMS     := $B/tr-controlplane $B/tr-dataplane $B/tr-dataplane-sim $B/tr-init $B/tr-verify $B/trctl $B/mock_provider $B/load
UNITS        := $(patsubst tests/unit/%.c,$B/unit/%,$(if $(T),tests/unit/test_$(T).c,$(UNIT_SRC)))

.PHONY: all web check unit units layers symbols test image release verify-image run up down asan fuzz fuzzers always bench format clean deps deb
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) $(if $(filter release,$(MODE)),web)

define object_rule
$B/$1/%.o: $1/%.c
	@mkdir -p $$(@D)
	@echo '  CC  $$<'
	$$(Q)$$(CC) $$(WARN) $$(CFLAGS) $$(addprefix -iquote ,$$(SEES_$1)) \
	    $$(if $$(filter $1/$$*.c,$$(CONTENT)),-include common/content_guard.h) -MMD -MP -c $$< -o $$@
endef
define layer_rules
# Changes when a source comes or goes, so that an archive never keeps what has left.
$B/$1.list: always
	@mkdir -p $$(@D)
	@echo '$$(sort $$(call lib_src,$1))' | cmp -s - $$@ || echo '$$(sort $$(call lib_src,$1))' >$$@
$B/lib$1.a: $$(call obj,$$(call lib_src,$1)) $B/$1.list
	@rm -f $$@
	$$(Q)ar rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach d,$(DIRS),$(eval $(call layer_rules,$d)))
$(foreach d,$(DIRS) $(DATAPLANE) dataplane/guest controlplane/trctl,$(eval $(call object_rule,$d))) # the longest directory that fits counts
$B/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo '  CC  $<'
	$(Q)$(CC) $(WARN) $(CFLAGS) $(addprefix -iquote ,$(SEES_tests)) -MMD -MP -c $< -o $@

# what the assembler includes there
$B/attestation/roots.o: $(wildcard attestation/roots/*.der attestation/policy/*.conf)

# what the REST surface is: proto/openapi/README.md
OPENAPI := $(wildcard proto/openapi/*.json proto/openapi/head/*.json) proto/openapi/join.py common/version.h
$B/openapi/%: $(OPENAPI)
	@mkdir -p $(@D)
	$Qpython3 -B proto/openapi/join.py $(basename $*) >$@
$B/controlplane/trctl/commands.o: CFLAGS += -DCOMMANDS_FILE='"$B/openapi/commands.inc"' -iquote .
$B/controlplane/trctl/commands.o: $B/openapi/commands.inc
$B/controlplane/api/openapi.o: CFLAGS += -DOPENAPI_FILE='"$B/openapi/control.json"'
$B/controlplane/api/openapi.o: $B/openapi/control.json
$B/dataplane/api/openapi.o: CFLAGS += -DOPENAPI_FILE='"$B/openapi/data.json"'
$B/dataplane/api/openapi.o: $B/openapi/data.json

BASE_LIBS := $B/libattestation.a $B/libproto.a $B/libcommon.a
link = $(if $(V),,@echo '  LD  $@' &&) $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $1
# zero-on-free replaces malloc's free(); a sanitizer has its own.
ZERO_FREE := $(if $(filter asan tsan fuzz,$(MODE)),,$B/dataplane/zero_free.o)

$B/tr-controlplane: $B/controlplane/main.o $B/libcontrolplane.a $(BASE_LIBS)
	$(call link,$(LIBS_controlplane))
$B/tr-dataplane: $B/dataplane/main.o $(ZERO_FREE) $(call obj,$(SNP_SRC)) $B/libdataplane.a $(BASE_LIBS)
	$(call link,$(LIBS_dataplane))
$B/tr-dataplane-sim: $B/dataplane/main.o $(ZERO_FREE) $(call obj,$(SIM_SRC)) $B/libdataplane.a $(BASE_LIBS)
	$(call link,$(LIBS_dataplane))
# process 1 of the guest
$B/tr-init: $B/dataplane/guest/main.o $B/libdataplane.a $B/libcommon.a
	$(call link,-lcrypto -lsodium -lpthread)
# the auditor's tool links OpenSSL and libsodium only, and uses the network only when given a URL
$B/tr-verify: $(call obj,$(wildcard attestation/tools/*.c)) $(BASE_LIBS)
	$(call link,-lssl -lcrypto -lsodium -lpthread)
$B/trctl: $(call obj,$(wildcard controlplane/trctl/*.c)) $B/libproto.a $B/libcommon.a
	$(call link,-lcurl -ljson-c -lcrypto -lsodium -lpthread)
$B/mock_provider: $(call obj,$(wildcard tests/mock_provider/*.c)) $B/libcommon.a
	$(call link,$(LIBS_base))
$B/attack_server: $(call obj,$(wildcard tests/attack_server/*.c)) $(ZERO_FREE) $B/libcommon.a
	$(call link,$(LIBS_base))
$B/snp_machine: $(call obj,$(wildcard tests/snp_machine/*.c)) $(BASE_LIBS)
	$(call link,-lcrypto -lsodium)
$B/fence_load: $B/tests/egress/fence_load.o $B/libdataplane.a $B/libcommon.a
	$(call link,-lcrypto -lsodium)
$B/load: $(call obj,$(wildcard tests/bench/*.c)) $B/libcommon.a
	$(call link,$(LIBS_base))
$B/chunk_cost: $B/tests/bench/cost/chunk_cost.o $(call obj,$(SIM_SRC)) $B/libdataplane.a $(BASE_LIBS)
	$(call link,$(LIBS_tests))
$B/usage_flood: $B/tests/bench/flood/usage_flood.o $(ZERO_FREE) $(call obj,$(SIM_SRC)) $B/libdataplane.a $(BASE_LIBS)
	$(call link,$(LIBS_dataplane))
$B/book_rate: $B/tests/bench/book/book_rate.o $B/libcontrolplane.a $(BASE_LIBS)
	$(call link,$(LIBS_tests))
$B/unit/%: $B/tests/unit/%.o $(call obj,$(SIM_SRC)) $B/libdataplane.a $B/libcontrolplane.a $(BASE_LIBS)
	@mkdir -p $(@D)
	$(call link,$(LIBS_tests))

# --- the console: controlplane/web, and the pages that it shows of this repository's documents
WEB  := controlplane/web
DOCS := $(shell find *.md docs $(DIRS) catalog deploy sql tests -name '*.md' -not -path '*/node_modules/*' 2>/dev/null)
web: build/web/pages.txt
build/web/pages.txt: $(shell find $(WEB)/src $(WEB)/verifier -type f 2>/dev/null) $(wildcard $(WEB)/*.mjs) $(WEB)/node_modules/.package-lock.json $(DOCS)
	@echo '  WEB build/web'
	$Qnode $(WEB)/build.mjs
$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	$Q$(WEB)/install
	@touch $@

# --- checks and tests
units: $(UNITS)
unit: $(UNITS)
	tests/run $(UNITS)
layers: $(PROGRAMS)
	tests/checks/layers.sh $B
symbols: $(PROGRAMS)
	tests/checks/symbols.sh $B
check: unit layers symbols

deps:
	@deploy/dev/install-packages test
test:
	@deploy/dev/install-packages test
	@tests/all
run:
	@deploy/dev/install-packages run
	@$(MAKE) --no-print-directory -j2 all
	@deploy/dev/up --foreground
up:
	@deploy/dev/install-packages run
	@$(MAKE) --no-print-directory -j2 all
	@deploy/dev/up
down:
	@deploy/dev/down
asan:
	@deploy/dev/install-packages asan
	@$(MAKE) --no-print-directory MODE=asan all unit

# --- releases (deploy/release/README.md): make release CONFIG=DIR CATALOG=FILE POLICY=FILE [VERSION=V SVN=N ...]
release: all symbols
	@deploy/release/build $(foreach o,config catalog policy version svn min-svn days previous repo builder out,$(call \
	    release_option,$o,$($(shell echo $o | tr a-z- A-Z_))))
release_option = $(if $2,--$1 "$2")
verify-image: $B/tr-verify
	@RELEASE="$(RELEASE)" KEY="$(KEY)" CONFIG="$(CONFIG)" deploy/release/verify-image

# --- fuzzing: libFuzzer, seeds in tests/fuzz/corpus/NAME, FUZZ_SECONDS each
FUZZ_SECONDS ?= 20
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))
ifeq ($(MODE),fuzz)
build/fuzz/fuzz_%: $B/tests/fuzz/fuzz_%.o $(call obj,$(SIM_SRC)) $B/libdataplane.a $(BASE_LIBS)
	$(call link,-fsanitize=fuzzer $(LIBS_dataplane) -ljson-c)
fuzzers: $(FUZZERS)
else
$(FUZZERS) fuzzers: always
	@$(MAKE) --no-print-directory MODE=fuzz $@
always:
endif
fuzz:
	@deploy/dev/install-packages asan
	@$(MAKE) --no-print-directory MODE=fuzz fuzzers
	@tests/fuzz/run-all $(FUZZ_SECONDS) $(FUZZERS)

bench: all $B/chunk_cost $B/book_rate $B/usage_flood
	@deploy/dev/install-packages bench
	@$B/chunk_cost
	@tests/bench/run
	@tests/bench/usage
	@tests/bench/verify
deb:
	@deploy/dev/install-packages deb
	@$(MAKE) --no-print-directory MODE=release build/release/tr-controlplane build/release/tr-verify build/release/trctl web
	@VERSION='$(VERSION)' deploy/packages/build
image:
	@deploy/dev/install-packages image
	@deploy/image/make
format:
	clang-format-14 -i $(SRC) $(shell find $(DIRS) tests -name '*.h') $(UNIT_SRC) $(FUZZ_SRC)
clean:
	rm -rf build

-include $(shell find $B -name '*.d' 2>/dev/null)
