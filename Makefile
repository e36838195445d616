# Two commands do everything on a fresh machine: `make demo` and `make test`.
# A GPU build of torch: make demo TORCH="torch==2.13.0 --index-url <the wheel index for your CUDA>"

PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
PROMPT ?= A large red rubber ball bounces in a meadow by day
SHAPES := --jaxtyping-packages="openreels,beartype.beartype(conf=beartype.BeartypeConf(strategy=beartype.BeartypeStrategy.On, is_pep484_tower=True))"
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test lint types slow clean

demo: $(VENV)/.run
	$(BIN)/openreels generate "$(PROMPT)" --duration 3 --seed 1 -o demo.mp4
	@echo "The clip is demo.mp4"

test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n 2 $(SHAPES)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/pyright

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow $(SHAPES)

# Torch first and pinned: with it in place nothing later replaces it.
$(VENV)/.torch:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "openreels needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || { apt-get update && apt-get install -y python3-venv; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(TORCH)
	touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e ".[dev]"
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) build dist demo.mp4
