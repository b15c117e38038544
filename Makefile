# Every target calls a script in .ci/, which also runs alone.
.PHONY: build test fmt lint fuzz bench microbench clean

build:
	CGO_ENABLED=0 go build -trimpath -o sockd ./cmd/sockd

# All that has to hold before a commit. Installs what is missing first.
test:
	@.ci/stages.sh setup fmt lint arrows sizes test conformance bench/gate

fmt:
	@.ci/fmt.sh fix

lint:
	@.ci/stages.sh fmt lint arrows sizes

# Each fuzz target for a minute, or for FUZZTIME.
fuzz:
	@.ci/fuzz.sh

# sockd beside Node, Python and a raw loop: BENCHMARKS.md. A few minutes; FULL=1 has everything.
bench:
	@.ci/bench/run.sh

# The benchmarks of the packages, with a summary over COUNT runs.
microbench:
	@.ci/bench.sh

clean:
	rm -rf sockd bench.txt .ci/clients/node_modules .ci/bench/node_modules
