# Two commands: `make bench` runs the suite and writes the report, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -n)
HAS_FENICS := $(VENV)/bin/python -c "import sys, backends; from benchmarks.interpreters import Interpreters; \
	sys.exit(not Interpreters.from_config().find(backends.REGISTRY.get('fenics')).available)"

define NO_FENICS
FEniCSx is not installed, and could not be installed here with apt. The run goes on without it; its rows will say
"not installed". To add it, get conda or mamba and type `mamba env create -f environment.yml`, or create any
environment with `mamba create -n fenicsx -c conda-forge fenics-dolfinx`, and name its interpreter once:
DEBENCH_PYTHON_FENICS=/path/to/envs/fenicsx/bin/python (or in debench.toml). `debench doctor` shows what is found.
endef
export NO_FENICS

.PHONY: bench test lint types baseline setup fenics browser clean

bench: setup
	@$(VENV)/bin/tox -q -e bench

test: setup browser
	@$(VENV)/bin/tox -q -e test

lint types: setup
	@$(VENV)/bin/tox -q -e $@

# What `.ci/run` holds its errors and counts against; prints what changed.
baseline: setup
	rm -rf results/smoke
	DEBENCH_REQUIRE_BACKENDS=1 $(VENV)/bin/debench run smoke --out results/smoke
	$(VENV)/bin/debench compare results/baseline results/smoke --accept

setup: $(STAMP) fenics

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		$(SUDO) sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

fenics: $(STAMP)
	@$(HAS_FENICS) || { command -v apt-get >/dev/null && $(SUDO) sh -c 'apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends python3-dolfinx gcc libc6-dev >/dev/null'; } || true
	@$(HAS_FENICS) || echo "$$NO_FENICS"

# The tests look at a report in it; without it they skip that.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { command -v apt-get >/dev/null && \
		$(SUDO) sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null'; } || true

clean:
	rm -rf $(VENV) .tox
