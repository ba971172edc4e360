PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test smoke bench lint types clean

demo: $(READY)
	$(BIN)/dmssn predict examples/demo.h5 -o demo-output
	@echo "The pictures are demo-output/demo.overlay.png and demo-output/demo.saliency.png"

# One thread a worker: on two cores, two workers of two threads each wait for one another (8 x slower).
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# Both stages of training from nothing, in a few minutes on two cores.
smoke: $(READY)
	rm -rf runs/smoke
	$(BIN)/dmssn scenes -o runs/smoke/scenes --count 60 --size 128x128 --bands 32 --seed 7 --workers 2
	$(BIN)/dmssn prepare recipes/smoke.toml --workers 2
	$(BIN)/dmssn train-teacher recipes/smoke.toml --run runs/smoke/teacher
	$(BIN)/dmssn train recipes/smoke.toml --teacher runs/smoke/teacher --run runs/smoke/detector
	$(BIN)/python recipes/smoke_check.py runs/smoke/detector

# Every stage beside a plain implementation of it: over half an hour on two cores, with nothing else running.
bench: $(READY)
	$(BIN)/python -m benchmarks --json runs/bench.json --report docs

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("dmssn needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else 0'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	# --no-deps: it pins an old numpy, which it does not need
	$(BIN)/python -m pip install --quiet --no-deps pysodmetrics==1.6.2
	touch $@

clean:
	rm -rf $(VENV) demo-output
