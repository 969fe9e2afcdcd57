# Every target makes .venv when it is missing or out of date. Variables:
#   PYTHON    the Python 3.11 or newer to build .venv with (default python3)
#   PIP_ARGS  more arguments for pip, such as the index to take torch from
PYTHON ?= python3
PIP_ARGS ?=
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check bench docs clean

demo: $(READY)
	$(BIN)/python examples/demo.py

# A process for each core, four at most, each with one thread.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 -m "not slow and not gpu"

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_house.py

bench: $(READY)
	$(BIN)/python benchmarks/dense.py

docs: $(READY)
	$(BIN)/mkdocs build --strict

clean:
	rm -rf .venv site build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# torch first and alone, so that pip takes the build of the index it is given; where venv has no pip of its own
# (Debian without python3-venv) the system's pip installs one.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "longspan needs Python 3.11 or newer; say which: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || { $(PYTHON) -m venv --clear --without-pip .venv && \
		$(PYTHON) -m pip --python $(BIN)/python install pip; }
	$(BIN)/python -m pip install $(PIP_ARGS) torch -c constraints.txt
	$(BIN)/python -m pip install $(PIP_ARGS) -e ".[test,docs]" -c constraints.txt
	@touch $@
