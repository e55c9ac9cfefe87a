# The front door. Needs Python 3.11 or newer and make; everything else goes into .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test lint types check docs pictures faults fuzz versions bench wheel clean

PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python

help:
	@echo "make demo    set up .venv and make one HTML page of every task on the bundled recordings"
	@echo "make test    set up .venv and run lint, import contracts, types and tests"
	@echo "make lint    style, spelling and import contracts"
	@echo "make types   static types"
	@echo "make check   tests only"
	@echo "make docs    the documentation, its gallery run and its pictures taken, into docs/_build/html"
	@echo "make faults  kill every kind of run at random points, and run it again"
	@echo "make fuzz    100,000 damaged and hostile files through every reader"
	@echo "make versions the oldest and newest versions of Python and of what mirkit uses"
	@echo "make bench   speed and memory of every part, as ratios against a peer"
	@echo "make wheel   build the wheel and try it in a clean environment"

# Wheels only: neither a compiler nor a system package is needed. torch first, from the constraints'
# exact version, so that no other package pulls in another build of it.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --only-binary :all: -c constraints.txt torch
	$(RUN) -m pip install --quiet --disable-pip-version-check --prefer-binary -c constraints.txt -e ".[dev]"
	touch $@

demo: .venv/ready
	$(BIN)/mirkit demo

test: lint types check

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports

types: .venv/ready
	$(BIN)/mypy

check: .venv/ready
	$(RUN) -m pytest

docs: .venv/ready
	$(RUN) docs/pictures.py docs/_generated/pictures
	$(RUN) -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Those that the README shows.
pictures: .venv/ready
	$(RUN) docs/pictures.py docs/_generated/pictures
	cp docs/_generated/pictures/demo_*.png docs/images/

faults: .venv/ready
	$(RUN) -m tests.faults

fuzz: .venv/ready
	$(RUN) -m tests.fuzz

# These must be on the PATH; torch may bring its GPU libraries along.
OLDEST ?= python3.11
NEWEST ?= python3.12 python3.13
versions:
	bash tests/versions.sh $(OLDEST) oldest
	for python in $(NEWEST); do bash tests/versions.sh $$python newest || exit 1; done

bench: .venv/ready
	$(RUN) benchmarks/peers.py

# The files in the wheel, not those of the checkout: hence the change of folder.
wheel: .venv/ready
	rm -rf dist build .venv-wheel
	$(RUN) -m build --wheel --outdir dist
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	.venv-wheel/bin/pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	cd .venv-wheel && bin/mirkit --help && bin/python ../tests/import_every_module.py
	cd .venv-wheel && bin/mirkit doctor && bin/mirkit models verify && bin/mirkit demo

clean:
	rm -rf .venv .venv-wheel build dist docs/_build docs/_generated docs/gallery *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
