# Every target sets up what it needs; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test lint types tests image setup lock format clean

# The Python that starts the set-up; the project's own Python is in .venv.
PYTHON ?= python3
ARGS ?=
PYTEST_ARGS ?=
# Name and tag of the image that `make image` makes.
IMAGE ?=
# More arguments, such as those of the other stack, see the Dockerfile.
IMAGE_ARGS ?=
DOCKER ?= docker

BIN := .venv/bin

# TensorFlow Recommenders needs Keras 2 in every process, Beam's workers included.
export TF_USE_LEGACY_KERAS := 1
export TF_CPP_MIN_LOG_LEVEL ?= 2
# Without bytecode files each process compiles thousands of modules again.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

run: setup ## run the pipeline, for example make run ARGS="--preset notebook"
	@$(BIN)/python runner.py $(ARGS)

test: lint types tests ## lint, types and tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

tests: setup ## the tests alone, for example make tests PYTEST_ARGS="-k schema"
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

image: ## build the container image, for example make image IMAGE=registry/retrieval:1
	@test -n "$(IMAGE)" || { echo "IMAGE is missing: make image IMAGE=registry/retrieval:1" >&2; exit 2; }
	$(DOCKER) build --build-arg REVISION=$$(git rev-parse HEAD)$$(git diff --quiet HEAD || echo +) \
		$(IMAGE_ARGS) --tag "$(IMAGE)" .

format: setup ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: ## make .venv from the lock files
	@$(PYTHON) -m setup install

lock: ## renew the lock files of both stacks
	@$(PYTHON) -m setup lock

clean: ## remove .venv and what the tools left
	rm -rf .venv .setup .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
