# The two commands that do everything: make run, make test.

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
PURE        := ./harness/history/... ./harness/named/... ./harness/link/... ./harness/fault/... ./checkers/... ./workloads/... ./results/...
FUZZTIME    ?= 10s

.PHONY: run test bench bench-checkers soak lint race fuzz images build clean

## run: build bin/seatrial and run the canary scenario, without Docker
run: build
	@bin/seatrial run canary/register/mixed

build:
	@test -x bin/seatrial || echo "building bin/seatrial (the first build takes a few minutes) ..."
	@$(GO) build -trimpath -o bin/seatrial ./cmd/seatrial

## test: everything; tests that need Docker skip without it
test:
	$(GO) test -timeout 45m ./...

## bench: the figures of the README
bench:
	$(GO) test -p 1 -run '^$$' -bench 'Record|Decode1M|Encode|Linearizable' -timeout 30m ./harness/history ./checkers
	$(GO) test -p 1 -run '^$$' -bench 'RoundTrip|Throughput|Switch|Apply' -timeout 30m ./harness/link/stream ./docker/agent ./harness/cluster/pod
	$(GO) test -p 1 -run '^$$' -bench 'Layer' -timeout 30m ./harness/disk/layer
	$(GO) test -p 1 -run '^$$' -bench 'EtcdRun' -benchtime 3x -timeout 30m ./scenarios
	$(GO) test -p 1 -run '^$$' -bench 'DiskLayer' -benchtime 15x -timeout 30m ./scenarios

## bench-checkers: the table of how fast histories are judged, beside porcupine; ONLY=word for some lines
bench-checkers:
	@$(GO) run ./checkers/internal/benchcheckers -only "$(ONLY)"

## soak: the long acceptance runs, one line an item; ONLY=name for one, resumable
soak: build
	@$(GO) run ./cmd/soak $(ONLY)

## lint: gofmt, go vet, staticcheck
lint:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt these files:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

## race: the race detector on the packages that need no container
race:
	$(GO) test -race -short -timeout 15m $(PURE)

## fuzz: every fuzz test for FUZZTIME
fuzz:
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
		for name in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' $$target/*_test.go | sed 's/^func //'); do \
			echo "fuzz $$target $$name"; $(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) $$target || exit 1; \
		done; \
	done

## images: build every image that the scenarios use
images: build
	@$(GO) test -count=1 -run '^TestImagesBuild$$' -timeout 20m ./scenarios

clean:
	rm -rf bin
