# Each target sets everything up in .venv first; a second call reuses it.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell command -v $(p))))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The index of PyTorch's builds without CUDA (its installation page names it): under 1 GB instead of 6.
TORCH_INDEX ?=

.PHONY: help demo test lint fuzz clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 12
	@echo "With TORCH_INDEX=URL the first call takes PyTorch from there, such as its index of builds without CUDA."

demo: $(READY) ## compares EDM and BDIA on the embedded digits: table, plot and pictures in runs/demo
	$(BIN)/python -m bdia_edm.compare +model=digits results_dir=runs/demo

test: $(READY) ## runs the tests
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4

lint: $(READY) ## looks at style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fuzz: $(READY) ## damages every reader's inputs, two minutes each
	$(BIN)/python -m scripts.fuzz --seconds 120

# Rebuilt when the dependencies change; the file says that everything before it succeeded. A build for the CPU is called
# 2.14.1+cpu, which is the 2.14.1 of constraints.txt: what follows takes it as it is, and nothing of CUDA.
$(READY): pyproject.toml constraints.txt
	rm -f $@
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --quiet --no-deps --index-url $(TORCH_INDEX) \
	  $(shell grep -E '^(torch|torchvision)==' constraints.txt))
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean: ## removes .venv and runs
	rm -rf $(VENV) runs
