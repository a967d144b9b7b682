# `make run` and `make test` install everything that they need on a fresh machine.
# `make help` lists every target.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

LISTEN ?= 127.0.0.1:8080
MODELS ?= models
BENCHTIME ?= 2s

# Time for each fuzz target, and the targets that CI runs: the parsers of input from clients
# and model authors (raw BYTES, REST bodies, config.pbtxt, ONNX files).
FUZZTIME ?= 30s
FUZZ_CI := FuzzCheckBytes FuzzRESTInfer FuzzParse FuzzParseModel

export PATH := $(CURDIR)/build/tools:$(CURDIR)/node_modules/.bin:$(PATH)

# ONNX Runtime's shared library. The server finds it beside its executable, tests and
# benchmarks by the variable. A path in the environment replaces npm's library.
ONNXRUNTIME := bin/$(if $(filter Darwin,$(shell uname -s)),libonnxruntime.1.dylib,libonnxruntime.so.1)
TENSORWIRE_ONNXRUNTIME_LIB ?= $(CURDIR)/$(ONNXRUNTIME)
LIBRARY := $(TENSORWIRE_ONNXRUNTIME_LIB:$(CURDIR)/%=%)

# Systems that `make cross` compiles for. ZIG is the path of Zig's program, whose C compiler
# then compiles the C code too.
SYSTEMS ?= linux/arm64 darwin/arm64 darwin/amd64 windows/amd64
ZIG ?=

# Time of the traffic of `make chaos`, and runs of `make crash-fuzz`.
CHAOSTIME ?= 10m
RUNS ?= 20000

# The clients of `make interop`.
INTEROP := internal/test/interop
CLIENTS := build/interop
GOCLIENT := $(INTEROP)/goclient
GOCLIENT_CODE := $(GOCLIENT)/inference/grpc_service_grpc.pb.go

# Connect's conformance tests and their server, a separate module.
CONFORMANCE := internal/test/conformance
CONFORMANCE_CODE := $(CONFORMANCE)/gen/connectrpc/conformance/v1/conformancev1connect/service.connect.go
TESTED := build/conformance

# The benchmarks, a module of its own, and what they need.
BENCH := build/bench
BENCH_SOURCES := $(wildcard bench/*.go bench/*/*.go) bench/go.mod bench/go.sum

GO_SOURCES := $(shell find . -name '*.go' -not -path './node_modules/*' -not -path './build/*' -not -path './$(INTEROP)/*' -not -path './bench/*' -not -path './$(CONFORMANCE)/*')
PAGE_SOURCES := $(shell find web/src web/static gen/es -type f) web/build.mjs
PACKAGES := node_modules/.package-lock.json
VENV := .venv/.installed
TOOLS := internal/tools

# Runs a download and prints the remedy when it fails.
FETCH := $(CURDIR)/$(TOOLS)/fetch.sh

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: run
run: build ## Serve the sample models on 127.0.0.1:8080 (LISTEN=, MODELS=)
	bin/tensorwire serve --listen '$(LISTEN)' --models '$(MODELS)'

.PHONY: build
build: bin/tensorwire $(LIBRARY) ## Build bin/tensorwire, with ONNX Runtime's library beside it

.PHONY: setup
setup: $(PACKAGES) ## Install the npm packages: ONNX Runtime, the page's bundler, code generators

.PHONY: page
page: web/dist/app.js ## Bundle the page

.PHONY: test
test: build setup-tests ## Run every test: Go with the race detector, the page in Chromium, the examples
	go test -race -timeout 10m ./...
	cd bench && go test -race -timeout 10m ./...
	tsc --noEmit -p web
	$(MAKE) --no-print-directory test-page

# examples runs every client, Python's too.
.PHONY: test-go
test-go: $(PACKAGES) $(LIBRARY) web/dist/app.js ## Run the Go tests alone, cached and without the race detector, Python and Chromium
	@$(TOOLS)/require.sh go cc
	go test $$(go list ./... | grep -v '/examples$$')

.PHONY: setup-tests
setup-tests: $(PACKAGES) $(VENV) build/tools/grpcurl ## Install what else `make test` needs
	@$(TOOLS)/require.sh chromium curl

.PHONY: test-page
test-page: build setup-tests ## Run the page's tests in Chromium
	node web/test/run.mjs

.PHONY: interop
interop: build setup-interop ## Test the server with existing clients: tritonclient, kserve, grpc's own, curl, Chromium
	TENSORWIRE_INTEROP=1 go test -count=1 -timeout 10m -v ./$(INTEROP)

.PHONY: setup-interop
setup-interop: $(PACKAGES) $(CLIENTS)/venv/.installed $(CLIENTS)/perf_analyzer $(CLIENTS)/goclient $(INTEROP)/javascript/node_modules/.package-lock.json build/tools/grpcurl ## Install the clients of `make interop`
	@$(TOOLS)/require.sh chromium curl h2load nginx haproxy caddy

.PHONY: h2spec
h2spec: build/tools/h2spec ## Run h2spec against the HTTP/2 server, over h2c and TLS
	H2SPEC=$(CURDIR)/build/tools/h2spec go test -count=1 -run '^TestH2Spec$$' -v ./internal/transport/h2

# The runner ignores the exit code of the server's process. A data race ends that process at
# once, fails the cases in flight, and leaves a report, which the last line prints. In the
# cases called Timeouts, deadlines of 200 ms end at both sides at once: they run one at a
# time, so that other cases do not delay the client.
CONFORM := GORACE='halt_on_error=1 log_path=$(CURDIR)/$(TESTED)/race' $(TESTED)/connectconformance --mode server --conf $(CONFORMANCE)/config.yaml

.PHONY: conformance
conformance: $(TESTED)/connectconformance $(TESTED)/server ## Run Connect's conformance tests (CONFORMANCE_FLAGS=-net-http2: with net/http's HTTP/2)
	rm -f $(TESTED)/race.*
	$(CONFORM) --parallel 4 --skip 'Timeouts/**' -- $(TESTED)/server $(CONFORMANCE_FLAGS)
	$(CONFORM) --parallel 1 --run 'Timeouts/**' -- $(TESTED)/server $(CONFORMANCE_FLAGS)
	@! cat $(TESTED)/race.* 2>/dev/null

.PHONY: ci
ci: lint check-generated cross test h2spec conformance interop fuzz-ci ## Run what CI runs: all checks and tests, and some fuzzing

.PHONY: lint
lint: $(PACKAGES) build/tools/golangci-lint $(CONFORMANCE_CODE) ## Lint the Go code and the .proto files
	buf lint
	buf format --diff --exit-code
	go vet ./...
	golangci-lint run --allow-parallel-runners
	cd bench && go vet ./... && golangci-lint run
	cd $(CONFORMANCE) && go vet . && golangci-lint run .

.PHONY: generate
generate: $(PACKAGES) ## Generate gen/ from api/, docs/settings.md from the flags, and the chart of the encodings
	buf generate
	node $(TOOLS)/chart.mjs
	go test -count=1 -run '^TestSettingsReference$$' ./internal/config -update

.PHONY: check-generated
check-generated: generate $(CONFORMANCE_CODE) $(GOCLIENT_CODE) ## Fail when gen/ differs from what api/ generates, or go.mod is not tidy
	go mod tidy
	cd bench && go mod tidy
	cd $(CONFORMANCE) && go mod tidy
	cd $(GOCLIENT) && go mod tidy
	@changed="$$(git status --porcelain -- gen docs/settings.md docs/encodings.svg go.mod go.sum {bench,$(CONFORMANCE),$(GOCLIENT)}/go.{mod,sum})"; if [ -n "$$changed" ]; then \
		echo "these files are out of date; commit the output of 'make generate' and 'go mod tidy':"; echo "$$changed"; exit 1; fi

.PHONY: cross
cross: ## Compile and vet the Go code for other systems (SYSTEMS=; ZIG= compiles the C code too)
	@$(TOOLS)/require.sh go
	$(TOOLS)/cross.sh '$(ZIG)' $(SYSTEMS)

.PHONY: fuzz
fuzz: $(PACKAGES) $(LIBRARY) ## Fuzz every target for FUZZTIME each
	$(TOOLS)/fuzz.sh '$(FUZZTIME)'

.PHONY: fuzz-ci
fuzz-ci: $(PACKAGES) $(LIBRARY) ## Fuzz the targets that CI runs, for FUZZTIME each
	$(TOOLS)/fuzz.sh '$(FUZZTIME)' $(FUZZ_CI)

.PHONY: chaos
chaos: build ## Kill workers, break models, fill a disk under mixed traffic for CHAOSTIME, and check every response
	TENSORWIRE_CHAOS='$(CHAOSTIME)' go test -count=1 -timeout 2h -v -run '^TestChaos$$' ./internal/test/chaos

# Memory after many loads, and of many models; the CPUs of many busy ones.
.PHONY: soak
soak: build ## Load and unload a large model 100 times, start 500 small ones, and check the memory; 50 busy models
	TENSORWIRE_SOAK=1 go test -count=1 -timeout 30m -v -run '^TestUnloadedModelsReleaseTheirMemory$$' ./cmd/tensorwire
	TENSORWIRE_SOAK=1 go test -count=1 -timeout 10m -v -run '^(TestManySmallModels|TestManyWorkersShareTheCPUs)$$' ./internal/test/chaos

.PHONY: crash-fuzz
crash-fuzz: build ## Run random models on random valid inputs RUNS times: the server must survive
	TENSORWIRE_CRASH_FUZZ='$(RUNS)' go test -count=1 -timeout 2h -v -run '^TestCrashFuzz$$' ./internal/test/chaos

.PHONY: bench
bench: build $(BENCH)/bench ## Measure encodings, protocols, memory, batching, overload and more (BENCHTIME=, BENCHFLAGS=)
	$(BENCH)/bench -only product -time '$(BENCHTIME)' $(BENCHFLAGS)

.PHONY: bench-transport
bench-transport: build setup-bench $(BENCH)/bench ## Compare with grpc-go, net/http and Python, or with another build: BENCHFLAGS='-before PATH' (BENCHTIME=)
	$(BENCH)/bench -only transport -time '$(BENCHTIME)' $(BENCHFLAGS)

.PHONY: setup-bench
setup-bench: $(PACKAGES) $(BENCH)/generated/predictor_pb2_grpc.py ## Install the servers that `make bench-transport` compares with

test test-go fuzz fuzz-ci chaos soak crash-fuzz bench bench-transport: export TENSORWIRE_ONNXRUNTIME_LIB := $(TENSORWIRE_ONNXRUNTIME_LIB)

.PHONY: screenshot
screenshot: build setup-tests ## Render docs/page.png
	node web/test/run.mjs screenshot docs/page.png

.PHONY: clean
clean: ## Remove built and installed files
	rm -rf bin build node_modules .venv $(INTEROP)/javascript/node_modules $(INTEROP)/goclient/inference $(CONFORMANCE)/gen
	find web/dist -type f -not -name README -delete

$(PACKAGES): package.json package-lock.json .npmrc
	@$(TOOLS)/require.sh node npm
	@$(FETCH) npm npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV): examples/python/requirements.txt
	@$(TOOLS)/require.sh python3
	python3 -m venv .venv
	@$(FETCH) pip .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

$(CLIENTS)/venv/.installed: $(INTEROP)/requirements.txt
	@$(TOOLS)/require.sh python3
	python3 -m venv $(CLIENTS)/venv
	@$(FETCH) pip $(CLIENTS)/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --prefer-binary -r $<
	@touch $@

$(CLIENTS)/perf_analyzer: $(INTEROP)/perf-analyzer.sh $(INTEROP)/perf-analyzer.txt $(CLIENTS)/venv/.installed
	$(INTEROP)/perf-analyzer.sh $(CURDIR)/$(CLIENTS)/venv/bin/python $(CLIENTS)

$(GOCLIENT_CODE): $(GOCLIENT)/buf.gen.yaml $(wildcard api/inference/*.proto) $(PACKAGES)
	@$(FETCH) go buf generate --template $(GOCLIENT)/buf.gen.yaml --path api/inference
	@touch $@

$(CLIENTS)/goclient: $(wildcard $(GOCLIENT)/*.go) $(GOCLIENT)/go.mod $(GOCLIENT)/go.sum $(GOCLIENT_CODE)
	@cd $(INTEROP)/goclient && $(FETCH) go go build -o $(CURDIR)/$@ .

$(INTEROP)/javascript/node_modules/.package-lock.json: $(INTEROP)/javascript/package.json $(INTEROP)/javascript/package-lock.json $(INTEROP)/javascript/.npmrc
	@$(TOOLS)/require.sh node npm
	@cd $(INTEROP)/javascript && $(FETCH) npm npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(CONFORMANCE_CODE): $(CONFORMANCE)/buf.gen.yaml $(CONFORMANCE)/go.mod $(CONFORMANCE)/go.sum $(PACKAGES)
	@cd $(CONFORMANCE) && $(FETCH) go go mod download connectrpc.com/conformance
	buf generate --template $(CONFORMANCE)/buf.gen.yaml "$$(cd $(CONFORMANCE) && go list -m -f '{{.Dir}}' connectrpc.com/conformance)/proto"
	@touch $@

$(TESTED)/connectconformance: $(CONFORMANCE)/go.mod $(CONFORMANCE)/go.sum
	@cd $(CONFORMANCE) && $(FETCH) go go build -o $(CURDIR)/$@ connectrpc.com/conformance/cmd/connectconformance

$(TESTED)/server: $(GO_SOURCES) $(wildcard $(CONFORMANCE)/*.go) $(CONFORMANCE)/go.mod $(CONFORMANCE)/go.sum $(CONFORMANCE_CODE)
	@cd $(CONFORMANCE) && $(FETCH) go go build -race -o $(CURDIR)/$@ .

$(BENCH)/bench: $(GO_SOURCES) $(BENCH_SOURCES) go.mod go.sum
	@cd bench && $(FETCH) go go build -o $(CURDIR)/$@ .

$(BENCH)/venv/.installed: bench/python/requirements.txt
	@$(TOOLS)/require.sh python3
	python3 -m venv $(BENCH)/venv
	@$(FETCH) pip $(BENCH)/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

$(BENCH)/generated/predictor_pb2_grpc.py: api/modelserving/predictor.proto $(BENCH)/venv/.installed
	mkdir -p $(@D)
	$(BENCH)/venv/bin/python -m grpc_tools.protoc -I$(<D) --python_out=$(@D) --grpc_python_out=$(@D) $(<F)

web/dist/app.js: $(PAGE_SOURCES) $(PACKAGES)
	node web/build.mjs

$(ONNXRUNTIME): $(PACKAGES)
	@$(TOOLS)/require.sh go
	$(TOOLS)/onnxruntime.sh $@

bin/tensorwire: $(GO_SOURCES) go.mod go.sum web/dist/app.js
	@$(TOOLS)/require.sh go cc
	go build -trimpath -o $@ ./cmd/tensorwire

build/tools/grpcurl: $(TOOLS)/go.mod $(TOOLS)/go.sum
	@$(FETCH) go go build -modfile=$(TOOLS)/go.mod -o $@ github.com/fullstorydev/grpcurl/cmd/grpcurl

build/tools/golangci-lint: $(TOOLS)/lint/go.mod $(TOOLS)/lint/go.sum
	@cd $(TOOLS)/lint && $(FETCH) go go build -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

build/tools/h2spec: $(TOOLS)/h2spec/go.mod $(TOOLS)/h2spec/go.sum
	@cd $(TOOLS)/h2spec && $(FETCH) go go build -o $(CURDIR)/$@ github.com/summerwind/h2spec/cmd/h2spec
