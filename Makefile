# Two commands: `make demo` and `make test`. Everything they need, they install.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODEGEN := .cache/codegen
PEERS := .cache/peers
COMBINATION_PEERS := .cache/combination-peers
FUZZ := .cache/fuzz
AUDIT := .cache/audit
CLIENT := .cache/client
.DELETE_ON_ERROR:
.PHONY: help demo test test-long fuzz bench bench-cluster bench-reading bench-names bench-scale bench-combinations bench-quality bench-adversarial bench-references bench-store bench-startup bench-serving bench-json bench-workbench screenshots catalogues calibration docs lint format proto serve audit client-wheel clean

help:            ## list the commands
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

# Debian and Ubuntu split ensurepip from python3: where venv cannot work and we may install it, we do.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tieout needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || { echo "python3-venv is missing; install it with: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime tests/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/requirements.lock
	@touch $@

demo: $(VENV)/.runtime  ## generate a seeded world, match it, show the result
	$(BIN)/tieout demo

# The tests start a PostgreSQL server of their own; its programs come with the distribution.
POSTGRESQL := $(shell command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1)
.PHONY: postgresql
postgresql:
	@[ -n "$(POSTGRESQL)" ] || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq postgresql; } || { echo "the PostgreSQL server is missing; install it with: apt-get install postgresql" >&2; exit 1; }

# The examples of docs/api-http.md are run as they stand there.
.PHONY: curl
curl:
	@command -v curl >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq curl; } || { echo "curl is missing; install it with: apt-get install curl" >&2; exit 1; }

# The tests of the cluster start Spark, which needs a Java runtime (17 or later).
JAVA := $(shell command -v java)
.PHONY: java
java:
	@[ -n "$(JAVA)" ] || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends default-jre-headless; } || { echo "Java is missing; install it with: apt-get install default-jre-headless" >&2; exit 1; }

# The tests of the workbench look at it in a real browser.
CHROMIUM := $(shell command -v chromium)
.PHONY: chromium
chromium:
	@[ -n "$(CHROMIUM)" ] || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } || { echo "chromium is missing; install it with: apt-get install chromium" >&2; exit 1; }

test: $(VENV)/.test $(CODEGEN)/.ready $(CLIENT)/.ready postgresql curl java chromium  ## everything: cases, properties, golden files, servers, tidy, types, import law
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not long"

test-long: $(VENV)/.test $(CLIENT)/.ready postgresql java  ## the long runs: fuzz, million-row counts
	$(BIN)/python -m pytest -m long -n 2 --dist loadgroup -o faulthandler_timeout=0

fuzz: $(FUZZ)/.ready  ## coverage-guided fuzzing of the readers, SECONDS=300
	@mkdir -p .cache/fuzz-inputs
	cd tests/fuzz && $(CURDIR)/$(FUZZ)/bin/python fuzz_bank_files.py -max_total_time=$(or $(SECONDS),300) -max_len=8192 -artifact_prefix=$(CURDIR)/.cache/ $(CURDIR)/.cache/fuzz-inputs $(sort $(wildcard $(CURDIR)/tests/golden/*))

bench: bench-reading bench-names bench-scale bench-combinations bench-references bench-quality  ## speed and quality beside peers, lines into bench/history.jsonl
	$(BIN)/python -m bench

bench-reading: $(VENV)/.test $(PEERS)/.ready  ## readers of bank files beside floors and peers
	$(BIN)/python -m bench.reading

bench-names: $(VENV)/.test $(PEERS)-names/.ready  ## customers by name beside peers; what a name may decide
	$(BIN)/python -m bench.names

bench-store: $(VENV)/.test postgresql  ## the store beside bare copies and a bare transaction, both databases
	$(BIN)/python -m bench.posting

bench-json: $(VENV)/.test  ## one call over both doors of the same server, JSON and gRPC in turn
	$(BIN)/python -m bench.json_door

bench-workbench: $(VENV)/.test chromium  ## the workbench over 100,000 exceptions in a real browser
	$(BIN)/python -m bench.workbench

screenshots: $(VENV)/.test chromium  ## the pictures of the workbench, docs/pictures/workbench-*.png
	$(BIN)/python docs/screenshots.py

catalogues: $(VENV)/.test  ## bring web/locales up to what pages say
	$(BIN)/python -m web.catalogues

bench-serving: $(VENV)/.test  ## a server with a million items under callers, beside a bare echo; minutes
	$(BIN)/python -m bench.serving

bench-startup: $(VENV)/.test  ## what a command costs before it works, beside bare python
	$(BIN)/python -m bench.startup

bench-scale: $(VENV)/.test  ## the whole job up to 1 M payments × 5 M open items; 8 GiB, minutes
	$(BIN)/python -m bench.scale

bench-cluster: $(VENV)/.test java  ## the same job on Spark: equality, cost beside one process, skew
	$(BIN)/python -m bench.cluster
	$(BIN)/python -m bench.cluster_simulation
	$(BIN)/python docs/generate.py

bench-quality: $(VENV)/.test  ## worlds of every kind, and how well they are matched
	$(BIN)/python -m bench.quality

bench-adversarial: $(VENV)/.test  ## ledgers made to mislead, each decision tried against all others
	$(BIN)/python -m bench.adversarial

calibration: $(VENV)/.test  ## fit the calibration that ships on seeded worlds
	$(BIN)/python -m bench.calibration

bench-combinations: $(VENV)/.test $(COMBINATION_PEERS)/.ready  ## subset sums beside dpss and CP-SAT
	$(BIN)/python -m bench.combinations

bench-references: $(VENV)/.test $(PEERS)/.ready  ## references read, looked up and mended beside peers
	$(BIN)/python -m bench.references

docs: $(VENV)/.test  ## write the generated pages and the README's numbers
	$(BIN)/python docs/generate.py
	$(BIN)/python deploy/dashboard.py

lint: $(VENV)/.test  ## style, types, import law
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test  ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(FUZZ)/.ready: requirements.lock tests/fuzz/requirements.lock
	$(PYTHON) -m venv --clear $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock --requirement tests/fuzz/requirements.lock
	@touch $@

$(PEERS)/.ready: bench/requirements.lock
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement bench/requirements.lock
	@touch $@

$(COMBINATION_PEERS)/.ready: bench/combinations.lock
	$(PYTHON) -m venv --clear $(COMBINATION_PEERS)
	$(COMBINATION_PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement bench/combinations.lock
	@touch $@

$(PEERS)-names/.ready: bench/names.lock
	$(PYTHON) -m venv --clear $(PEERS)-names
	$(PEERS)-names/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement bench/names.lock
	@touch $@

$(CODEGEN)/.ready: proto/requirements.lock
	$(PYTHON) -m venv --clear $(CODEGEN)
	$(CODEGEN)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement proto/requirements.lock
	@touch $@

proto: $(CODEGEN)/.ready  ## regenerate tieout/v1 from proto/tieout/v1
	PATH="$(CODEGEN)/bin:$$PATH" $(CODEGEN)/bin/python -m grpc_tools.protoc -I proto --python_out=. --grpc_python_out=. --mypy_out=. --mypy_grpc_out=. proto/tieout/v1/*.proto
	$(CODEGEN)/bin/buf lint proto
	$(CODEGEN)/bin/buf breaking proto --against tests/server/released_contract.binpb

# An environment with what a client needs and nothing else: the tests install the client's wheel there.
$(CLIENT)/.ready: deploy/client/requirements.lock
	$(PYTHON) -m venv --clear $(CLIENT)
	$(CLIENT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/client/requirements.lock
	@touch $@

client-wheel: $(VENV)/.runtime  ## the client alone as a wheel, dist/tieout_client-…whl
	cd deploy/client && $(CURDIR)/$(BIN)/python -m hatchling build -t wheel -d $(CURDIR)/dist

serve: $(VENV)/.runtime  ## run the server on this machine
	$(BIN)/tieout serve

audit: $(AUDIT)/.ready  ## known vulnerabilities of every lock, and an SBOM into dist/; asks pypi.org
	$(AUDIT)/bin/python deploy/audit.py

$(AUDIT)/.ready: deploy/audit.lock
	$(PYTHON) -m venv --clear $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/audit.lock
	@touch $@

clean:           ## forget the environment and every cache
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
