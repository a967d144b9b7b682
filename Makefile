# `make run` and `make test` do all the set-up on a fresh machine. `make help`
# lists every target.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

LISTEN ?= :8080
MODELS ?= models
BENCHTIME ?= 2s

# Coverage-guided fuzzing of each target, in CI and on demand. CI takes the parsers of
# what clients and models' authors send: raw BYTES, REST bodies, config.pbtxt, ONNX files.
FUZZTIME ?= 30s
FUZZ_CI := FuzzCheckBytes FuzzRESTInfer FuzzParse FuzzParseModel

export PATH := $(CURDIR)/build/tools:$(CURDIR)/node_modules/.bin:$(PATH)

# Clients that make interop drives the server with.
INTEROP := internal/test/interop
CLIENTS := build/interop

# Connect's conformance tests, and the server that they test: a module of its own.
CONFORMANCE := internal/test/conformance
CONFORMANCE_CODE := $(CONFORMANCE)/gen/connectrpc/conformance/v1/conformancev1connect/service.connect.go
TESTED := build/conformance

# The bench against other servers, a module of its own, and what it runs.
BENCH := build/bench
BENCH_SOURCES := $(wildcard bench/*.go) bench/go.mod bench/go.sum

GO_SOURCES := $(shell find . -name '*.go' -not -path './node_modules/*' -not -path './build/*' -not -path './$(INTEROP)/*' -not -path './bench/*' -not -path './$(CONFORMANCE)/*')
PAGE_SOURCES := $(shell find web/src web/static gen/es -type f) web/build.mjs
PACKAGES := node_modules/.package-lock.json
VENV := .venv/.installed
TOOLS := internal/tools

# Runs what downloads, and says what to do where it fails.
FETCH := $(CURDIR)/$(TOOLS)/fetch.sh

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: run
run: build ## Serve the sample models on :8080 (LISTEN=, MODELS= to change)
	bin/tensorwire serve --listen '$(LISTEN)' --models '$(MODELS)'

.PHONY: build
build: bin/tensorwire ## Build bin/tensorwire with the page in it

.PHONY: setup
setup: $(PACKAGES) ## Install the npm packages: ONNX Runtime, the page's bundle, code generators

.PHONY: page
page: web/dist/app.js ## Bundle the page

.PHONY: test
test: build setup-tests ## Run every test, installing what they need
	go test -race -timeout 10m ./...
	cd bench && go test -race -timeout 10m ./...
	tsc --noEmit -p web
	$(MAKE) --no-print-directory test-page

.PHONY: setup-tests
setup-tests: $(PACKAGES) $(VENV) build/tools/grpcurl
	@$(TOOLS)/require.sh chromium curl

.PHONY: test-page
test-page: build setup-tests ## Run the browser's tests alone
	node web/test/run.mjs

.PHONY: interop
interop: build setup-interop ## Drive the server with the clients that exist: tritonclient, kserve, grpc's own, curl, Chromium
	TENSORWIRE_INTEROP=1 go test -count=1 -timeout 10m -v ./$(INTEROP)

.PHONY: setup-interop
setup-interop: $(PACKAGES) $(CLIENTS)/venv/.installed $(CLIENTS)/perf_analyzer $(CLIENTS)/goclient $(INTEROP)/javascript/node_modules/.package-lock.json build/tools/grpcurl
	@$(TOOLS)/require.sh chromium curl h2load

.PHONY: h2spec
h2spec: build/tools/h2spec ## Hold the HTTP/2 server to h2spec, as h2c and over TLS
	H2SPEC=$(CURDIR)/build/tools/h2spec go test -count=1 -run '^TestH2Spec$$' -v ./internal/transport/h2

# The runner takes no notice of how the server's process ends: a race ends it at once, in
# the middle of the cases that it then fails, and leaves a report.
.PHONY: conformance
conformance: $(TESTED)/connectconformance $(TESTED)/server ## Hold the server to Connect's conformance tests (CONFORMANCE_FLAGS=-net-http2: on net/http's HTTP/2)
	rm -f $(TESTED)/race.*
	GORACE='halt_on_error=1 log_path=$(CURDIR)/$(TESTED)/race' $(TESTED)/connectconformance --mode server --parallel 4 \
		--conf $(CONFORMANCE)/config.yaml -- $(TESTED)/server $(CONFORMANCE_FLAGS)
	@! cat $(TESTED)/race.* 2>/dev/null

.PHONY: ci
ci: lint check-generated test h2spec conformance interop fuzz-ci ## What CI runs: lint, generated code, every test, h2spec, Connect's conformance, the clients that exist, some fuzzing

.PHONY: lint
lint: $(PACKAGES) build/tools/golangci-lint $(CONFORMANCE_CODE) ## Check the code's style, and the contract's
	buf lint
	buf format --diff --exit-code
	go vet ./...
	golangci-lint run --allow-parallel-runners
	cd bench && go vet ./... && golangci-lint run
	cd $(CONFORMANCE) && go vet . && golangci-lint run .

.PHONY: generate
generate: $(PACKAGES) ## Generate gen/ from api/, and docs/settings.md from the flags
	buf generate
	go test -count=1 -run '^TestSettingsReference$$' ./internal/config -update

.PHONY: check-generated
check-generated: generate $(CONFORMANCE_CODE) ## Fail where gen/ is not what api/ gives, or go.mod is not tidy
	go mod tidy
	cd bench && go mod tidy
	cd $(CONFORMANCE) && go mod tidy
	@changed="$$(git status --porcelain -- gen docs/settings.md go.mod go.sum {bench,$(CONFORMANCE)}/go.{mod,sum})"; if [ -n "$$changed" ]; then \
		echo "these differ from what is generated; commit what 'make generate' and 'go mod tidy' write:"; echo "$$changed"; exit 1; fi

.PHONY: fuzz
fuzz: $(PACKAGES) ## Fuzz every target for FUZZTIME each
	$(TOOLS)/fuzz.sh '$(FUZZTIME)'

.PHONY: fuzz-ci
fuzz-ci: $(PACKAGES) ## Fuzz the targets that CI fuzzes, for FUZZTIME each
	$(TOOLS)/fuzz.sh '$(FUZZTIME)' $(FUZZ_CI)

.PHONY: bench
bench: build ## Measure encodings, protocols and the model's share (BENCHTIME=)
	go run ./internal/bench -time '$(BENCHTIME)' -server bin/tensorwire $(BENCHFLAGS)

.PHONY: bench-transport
bench-transport: build setup-bench $(BENCH)/bench ## Measure against grpc-go's server, and Python's (BENCHTIME=, BENCHFLAGS=)
	$(BENCH)/bench -time '$(BENCHTIME)' $(BENCHFLAGS)

.PHONY: setup-bench
setup-bench: $(PACKAGES) $(BENCH)/generated/predictor_pb2_grpc.py

.PHONY: screenshot
screenshot: build setup-tests ## Make docs/page.png anew
	node web/test/run.mjs screenshot docs/page.png

.PHONY: clean
clean: ## Remove what was built and installed
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

$(CLIENTS)/goclient: $(INTEROP)/goclient/main.go $(INTEROP)/goclient/go.mod $(INTEROP)/goclient/go.sum $(INTEROP)/goclient/buf.gen.yaml $(wildcard api/inference/*.proto) $(PACKAGES)
	@$(FETCH) go buf generate --template $(INTEROP)/goclient/buf.gen.yaml --path api/inference
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

bin/tensorwire: $(GO_SOURCES) go.mod go.sum web/dist/app.js
	@$(TOOLS)/require.sh go cc
	go build -trimpath -o $@ ./cmd/tensorwire

build/tools/grpcurl: $(TOOLS)/go.mod $(TOOLS)/go.sum
	@$(FETCH) go go build -modfile=$(TOOLS)/go.mod -o $@ github.com/fullstorydev/grpcurl/cmd/grpcurl

build/tools/golangci-lint: $(TOOLS)/lint/go.mod $(TOOLS)/lint/go.sum
	@cd $(TOOLS)/lint && $(FETCH) go go build -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

build/tools/h2spec: $(TOOLS)/h2spec/go.mod $(TOOLS)/h2spec/go.sum
	@cd $(TOOLS)/h2spec && $(FETCH) go go build -o $(CURDIR)/$@ github.com/summerwind/h2spec/cmd/h2spec
