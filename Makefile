# `make demo` and `make test` do everything on a fresh machine; the rest are the developer's shortcuts.

VENV := .venv
BIN := $(VENV)/bin
# on a terminal a line for every stage, with rate and time left; elsewhere plain lines
PROGRESS := $(shell test -t 2 && echo --logger vidmem)
# nproc would take the number of threads that the tests tell a job to use for the number of cores
CORES ?= $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu)
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.PHONY: demo test lint format docs bench tables clean help
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(READY) ## set up, run the default audit, print its verdicts and where the report is
	@HF_HUB_OFFLINE=1 $(BIN)/snakemake --cores $(CORES) --quiet rules host reason $(PROGRESS)
	@$(BIN)/python -m vidmem.report.show results/demo/report

# Files of tests side by side, the long ones first; a worker takes one thread where it is not told otherwise. There is a
# worker more than cores, for some wait: for SLURM's next look at its jobs, for a browser, for a job to be killed.
TESTED := tests/workflow tests/slurm tests/conda tests/faults tests/gpu tests/unit tests/browser
test: $(READY_DEV) ## set up, run every test (or TESTS="those")
ifdef TESTS
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest $(TESTS)
else
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $$(($(CORES) + 1)) --dist loadfile --no-loadscope-reorder $(TESTED)
endif

lint: $(READY_DEV) ## style and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy src && $(BIN)/snakefmt --check Snakefile workflow/rules && $(BIN)/snakemake --lint

format: $(READY_DEV) ## reformat
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/snakefmt Snakefile workflow/rules

docs: $(READY) ## regenerate the schema and handbook of the config, the reference of the tables, and the environments
	$(BIN)/python -m vidmem.config.handbook
	$(BIN)/python -m vidmem.cli.reference
	$(BIN)/python envs/pin.py

bench: $(READY) ## what the metrics promise, measured; fails where a promise is broken
	$(BIN)/python bench/truth/promises.py --seed 0

tables: $(READY) ## measure again what the defaults follow from (two hours on one core)
	$(BIN)/python bench/truth/calibration.py --seed 0 --out bench/truth
	$(BIN)/python bench/truth/content.py --seed 0 --out bench/truth
	$(BIN)/python bench/truth/content.py --seed 0 --out bench/truth --engines
	$(BIN)/python bench/truth/content_sizes.py --out bench/truth
	$(BIN)/python bench/truth/template.py --out bench/truth
	$(BIN)/python bench/truth/motion.py --seed 0 --out bench/truth
	$(BIN)/python bench/speed/motion_search.py --out bench/speed
	$(BIN)/python bench/speed/growth.py --out bench/speed --search content
	$(BIN)/python bench/speed/growth.py --out bench/speed --search motion
	$(BIN)/python bench/truth/duplicates.py --seed 0 --out bench/truth
	$(BIN)/python bench/speed/duplicates.py --out bench/speed
	$(BIN)/python bench/speed/manifest.py --out bench/speed
	$(BIN)/python bench/speed/prompts.py --out bench/speed
	$(BIN)/python bench/speed/features.py --out bench/speed --threads 2
	$(BIN)/python bench/speed/features_growth.py --out bench/speed
	$(BIN)/python bench/speed/decoders.py --out bench/speed
	$(BIN)/python bench/speed/flow.py --out bench/speed
	$(BIN)/python bench/speed/parse.py --out bench/speed
	$(BIN)/python bench/speed/extrapolate.py --out bench/speed

clean: ## remove the results of the demo and caches; your own data, configs and other audits stay
	rm -rf results/demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@python=$$(sh envs/find-python.sh) && $$python -m venv $(VENV)

$(READY): requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(READY_DEV): requirements-dev.txt $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
