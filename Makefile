# make help lists the targets.
.DEFAULT_GOAL := check

.PHONY: check
check: fmt lint test ## fmt, lint and test

.PHONY: fmt
fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

.PHONY: lint
lint: ## go vet and golangci-lint
	go vet ./...
	golangci-lint run ./...

.PHONY: test
test: ## all tests, with the race detector
	go test -race ./...

.PHONY: simulate
simulate: ## edit documents at random under traffic, for SEEDS=N scenes, and crash at every call
	SEEDS=$(or $(SEEDS),300) go test ./controller/command -run 'NothingLost|Crashes' -v -timeout 0
	go test ./controller/command -run 'TestCapacity$$' -v -timeout 0 -rapid.seed=0 -rapid.checks=$(or $(SEEDS),300)

.PHONY: golden
golden: ## write the golden files anew; read the difference before you commit it
	go test ./reconcile/... ./controller/... -update

.PHONY: demo
demo: ## the whole story on the embedded AWS
	go run . demo

.PHONY: bench
bench: ## the figures of the README
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: figures
figures: ## the table of time, calls and peak memory that the README quotes
	@go test ./controller/command -run '^$$' -bench 'QuietPass|Create|Match' -benchtime 1x | grep -E '^(Benchmark|FAIL|ok)'
	@go test ./reconcile -run '^$$' -bench Compute -benchtime 5x -benchmem | grep -E '^(Benchmark|FAIL|ok)'
	@go test ./spec/pattern -run '^$$' -bench 'Index|Analyse' -benchmem | grep -E '^(Benchmark|FAIL|ok)'

.PHONY: fuzz
fuzz: ## fuzz what parses, a minute each
	go test -run '^$$' -fuzz FuzzLoad -fuzztime 1m -fuzzminimizetime 10x ./spec
	go test -run '^$$' -fuzz FuzzEvents -fuzztime 1m -fuzzminimizetime 10x ./controller/command
	go test -run '^$$' -fuzz FuzzSaved -fuzztime 1m -fuzzminimizetime 10x ./controller/command
	go test -run '^$$' -fuzz FuzzParse -fuzztime 1m -fuzzminimizetime 10x ./spec/pattern

.PHONY: cover
cover: ## coverage by package
	go test -cover ./...

.PHONY: ci
ci: ## what CI runs
	bash .ci/run

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
