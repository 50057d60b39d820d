# The only entry point. `make help` lists what there is; everything is built below build/, one folder a preset.
SHELL := /bin/bash
.DEFAULT_GOAL := release
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
DESTDIR ?=
T ?=
D ?=

# The ninja below is quiet but for what fails; it names what it builds only when asked with V=1.
BUILD = cmake --build build/$(1) $(if $(2),--target $(2)) $(if $(V),,-- --quiet)

.PHONY: release run test test-python-sdks dev check check-all lint format bench fuzz docs install clean deps help \
        build-dev build-asan build-tsan build-fuzz

release: build/release/build.ninja ## optimised single binary: build/release/tracewell (also plain `make`)
	@$(call BUILD,release,tracewell)

run: ## install what is missing, build, start on a scratch folder with sample traces loaded
	@tools/install-packages.sh build run
	@$(MAKE) release
	@tools/run-sample.sh build/release/tracewell

test: ## install what is missing, build, run every test; the last line counts them
	@tools/install-packages.sh build test
	@rm -f build/*-results.txt
	@$(MAKE) release build-dev
	@rc=0; \
	tools/run-ctest.py build/dev build/ctest-results.txt; \
	python3 test/run.py --binary build/release/tracewell || rc=$$?; \
	tools/test-summary.py --also test/run.py=$$rc build/ctest-results.txt build/test-results.txt

test-python-sdks: ## the real Python SDKs against the server; needs PyPI, or skips
	@tools/install-packages.sh build
	@$(MAKE) release
	@rc=0; python3 test/run.py pysdk --binary build/release/tracewell --results build/pysdk-results.txt || rc=$$?; \
	tools/test-summary.py --also test/run.py=$$rc build/pysdk-results.txt

dev: build-dev ## debug build with the address and undefined behaviour sanitizers: build/dev/tracewell

check: build-dev ## unit and dialect tests on the dev build, under a minute; T=langfuse for a part
	@tools/run-ctest.py build/dev build/check-results.txt --labels 'unit|dialect' --match '$(T)'
	@tools/test-summary.py build/check-results.txt

check-all: ## every test under three sanitizer builds, 200 crash rounds, each fuzzer (T=60 seconds each)
	@tools/install-packages.sh build test dev
	@tools/check-all.sh $(or $(T),60)

lint: ## format, clang-tidy, include rule, table shape, spelling
	@tools/install-packages.sh build dev
	@$(MAKE) --silent build/lint/build.ninja
	@tools/lint.sh

format: ## rewrite the C files in place
	@tools/c-files.sh | xargs -0r clang-format -i

bench: build/release/build.ninja ## events and queries per second; ARGS='...' for the load generator
	@$(call BUILD,release,tracewell tracewell-bench)
	@build/release/tracewell-bench --server build/release/tracewell $(ARGS)

fuzz: build-fuzz ## fuzz one decoder: D=otlp, until stopped or for T=60 seconds
	@tools/fuzz.sh '$(D)' $(T)

docs: ## regenerate the documents that are made from tables
	@if [ -e tools/gen-docs ]; then tools/gen-docs; else echo "There is no tools/gen-docs yet: nothing to generate"; fi

install: release ## install into PREFIX (/usr/local), below DESTDIR where one is given
	@DESTDIR='$(DESTDIR)' cmake --install build/release --prefix '$(PREFIX)' --strip

deps: ## install every package that building, testing and developing need
	@tools/install-packages.sh build run test dev

clean: ## remove build/
	@rm -rf build

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-17s%s\n", $$1, $$2 }'

build-dev build-asan build-tsan build-fuzz: build-%: build/%/build.ninja
	@$(call BUILD,$*)

build/%/build.ninja: CMakePresets.json
	@mkdir -p build
	@echo "Configuring build/$*"
	@cmake --preset $* --fresh >build/$*.log 2>&1 || \
	    { cat build/$*.log; echo "If a package is missing: make deps"; exit 1; }
	@touch $@
.PRECIOUS: build/%/build.ninja
