PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test soak smoke weights bench benchmark-check leaderboard lint types clean

demo: $(READY)
	$(BIN)/dmssn predict examples/demo.h5 -o demo-output
	@echo "The pictures are demo-output/demo.overlay.png and demo-output/demo.saliency.png"

# Each worker takes files one after the other, so that what the tests of a file share is made once.
# One thread a worker: on two cores, two workers of two threads each wait for one another (8 x slower).
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# The viewer under 200 requests a second for ten minutes: no error, and no growing memory.
soak: $(READY)
	$(BIN)/python -m benchmarks.soak

# Both stages of training from nothing, in a few minutes on two cores.
smoke: $(READY)
	rm -rf runs/smoke
	$(BIN)/dmssn reproduce smoke --run runs/smoke --workers 2
	$(BIN)/python recipes/smoke_check.py runs/smoke/detector

# The recipe of the weights that come with the package, from nothing: over an hour on two cores. Run again it
# goes on where it was cut off; recipes/ship.py then puts what was trained into the package.
weights: $(READY)
	$(BIN)/dmssn reproduce shipped --run runs/shipped

# Every stage beside a plain implementation of it: over half an hour on two cores, with nothing else running.
bench: $(READY)
	$(BIN)/python -m benchmarks --json runs/bench.json --report docs

# All scenes of the benchmark, each compared with what it is to be (`make test` draws every 19th).
benchmark-check: $(READY)
	rm -rf runs/benchmark-v1
	$(BIN)/dmssn scenes --benchmark v1 --seeds-only -o runs/benchmark-v1 --workers 2

# docs/benchmark.md: every detector on the generated benchmark and, with REAL=FOLDER, on real cubes; half an
# hour on two cores. Maps are kept in runs/leaderboard. ALSO=NAME=DETECTOR enters another detector.
leaderboard: $(READY)
	$(BIN)/python -m recipes.leaderboard $(if $(REAL),--real $(REAL)) $(if $(ALSO),--also $(ALSO))

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
