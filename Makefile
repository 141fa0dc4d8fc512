# Everything runs in .venv, which uv makes from uv.lock. Where uv is not on the PATH, the first target fetches it.
UV := $(or $(shell command -v uv),.tieout-cache/uv/bin/uv)
RUN := .venv/bin/

.venv/.synced: pyproject.toml uv.lock $(if $(findstring .tieout-cache,$(UV)),$(UV))  # the Python environment
	$(UV) sync --frozen --compile-bytecode && touch $@

.tieout-cache/uv/bin/uv:  # uv itself, in an environment of its own
	python3 -m venv .tieout-cache/uv && .tieout-cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

.PHONY: demo test up down status lint bench

demo: .venv/.synced  # set everything up, run three days of a company, show what came out
	$(RUN)tieout demo

test: lint  # lint, unit, dbt, integration and end-to-end tests on a stack of their own
	$(RUN)pytest

up: .venv/.synced  # start the local stack
	$(RUN)tieout up

down: .venv/.synced  # stop it; its data stays
	$(RUN)tieout down

status: .venv/.synced  # each service's state, address, version and memory
	$(RUN)tieout status

lint: .venv/.synced  # style of Python and YAML
	$(RUN)ruff check && $(RUN)ruff format --check && $(RUN)yamllint --strict .

bench: .venv/.synced  # each benchmark prints a ratio against a peer run beside it; docs/benchmarks.md gets the results
	$(UV) sync --frozen --group bench
	$(foreach file,$(wildcard benchmarks/[a-z]*.py),$(RUN)python -m $(subst /,.,$(basename $(file))) &&) $(RUN)python -m benchmarks._report
