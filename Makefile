# Every target calls a script in .ci/, which also runs alone.
.PHONY: build test fmt lint fuzz bench clean

build:
	CGO_ENABLED=0 go build -trimpath -o sockd ./cmd/sockd

# All that has to hold before a commit. Installs what is missing first.
test:
	@.ci/stages.sh setup fmt lint arrows sizes test conformance

fmt:
	@.ci/fmt.sh fix

lint:
	@.ci/stages.sh fmt lint arrows sizes

# Each fuzz target for a minute, or for FUZZTIME.
fuzz:
	@.ci/fuzz.sh

# All benchmarks, with a summary over COUNT runs.
bench:
	@.ci/bench.sh

clean:
	rm -rf sockd bench.txt .ci/clients/node_modules
