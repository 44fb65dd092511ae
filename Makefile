# make train and make test are all that a fresh clone needs; both make the environment first.
# Tests run in one process per core, each on one thread: their networks are tiny.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: train test test-slow stress lint bench bench-evaluation bench-health bench-objectives bench-pacgan bench-report bench-scaling bench-tracking docker docker-check clean

train: $(STAMP)
	$(BIN)/ganlab train

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

stress: $(STAMP)
	$(BIN)/python -m tests.stress_resume --kills 100 --ranks 1
	$(BIN)/python -m tests.stress_resume --kills 100 --ranks 2

lint: $(STAMP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python benchmarks/train_loop.py

bench-objectives: $(STAMP)
	$(BIN)/python -m benchmarks.objectives

bench-evaluation: $(STAMP)
	$(BIN)/python benchmarks/evaluation.py

bench-pacgan: $(STAMP)
	$(BIN)/python -m benchmarks.pacgan

bench-health: $(STAMP)
	$(BIN)/python -m benchmarks.health

bench-report: $(STAMP)
	$(BIN)/python -m benchmarks.report

bench-scaling: $(STAMP)
	$(BIN)/python -m benchmarks.scaling --save

bench-tracking: $(STAMP)
	$(BIN)/python -m benchmarks.tracking

ENGINE ?= docker build
docker:
	$(ENGINE) --file docker/Dockerfile --tag ganlab $(if $(BASE),--build-arg BASE=$(BASE)) .

docker-check:
	docker/check.sh

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache
