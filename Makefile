# Ember. `make help` lists what there is.
GO      ?= go
BIN     ?= bin/ember
DATA    ?= demo-data
ADDR    ?= 127.0.0.1:8080
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Gin's MessagePack brings 6 MB that nothing here uses.
TAGS     = nomsgpack
LDFLAGS  = -s -w -X main.version=$(VERSION)
export CGO_ENABLED = 0

.PHONY: help build demo test check race cover fuzz golden bench quality judges definitions data lint kernels clean

help: ## print this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

build: ## one static binary in bin/ember
	@echo "building $(BIN) (a minute or two the first time) …" >&2
	@$(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/ember

demo: build ## the main job: synthetic hospital, load, train, serve, show
	@./$(BIN) demo --data $(DATA) --addr $(ADDR)

test: ## all tests, what CI runs
	$(GO) test -timeout 25m ./...

check: ## format, vet, doors, house rules: seconds, before each commit
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	@$(GO) vet ./...
	@$(GO) test -count=1 . -run 'TestDoors|TestDepth|TestHouseRules'

lint: check ## check and staticcheck
	@$(GO) -C tools build -o ../bin/ honnef.co/go/tools/cmd/staticcheck
	@bin/staticcheck -checks 'all,-ST1000,-ST1003,-ST1016,-ST1020,-ST1021,-ST1022' ./...

race: ## all tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 25m ./...

cover: ## coverage by room
	@$(GO) test -cover ./...

fuzz: ## each fuzz target for ten seconds
	@bench/fuzz.sh 10s

bench: build ## speed, side by side, figures into docs/performance.md
	@bench/run.sh

quality: build ## quality of recommendations and models on real and synthetic input, into docs/quality*.md
	@bench/quality.sh
	@bench/quality-models.sh

judges: build ## validators, clients and suites of others on a running Ember, into docs/conformance.md
	@bench/judges/run.sh --page docs/conformance.md

definitions: ## make the table of the FHIR specification again
	@$(GO) -C tools run ./definitions

data: ## what real input was read and mapped, into docs/data.md
	@$(GO) run ./bench/datadoc

golden: ## refresh golden files, then read the diff
	$(GO) test . -update

kernels: ## generate the assembly of learn/nn again
	@$(GO) -C tools run ./kernels

clean: ## remove what was built and the demo's data
	rm -rf bin $(DATA)
