# What developers and the build machine run. `make help` lists it.
# Everything that is missing (tools in .venv, Debian packages) is installed on the way.

.DEFAULT_GOAL := help
.PHONY: help check test generate bench fuzz requirements packages

PYTHON := .venv/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check --no-input install --quiet
CODE := src tests benchmarks fuzz

help:            ## this list
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST)

check: .venv/dev ## style, types, layers, spelling, generated files; needs no daemon
	.venv/bin/ruff check $(CODE)
	.venv/bin/ruff format --check $(CODE)
	.venv/bin/mypy src/mailstack tests
	.venv/bin/lint-imports --no-logo
	.venv/bin/codespell
	$(PYTHON) -m mailstack.generate --check

test: check packages ## check, then every test, against the real daemons
	$(PYTHON) -m pytest -n 2 --durations 25 --durations-min 5

generate: .venv/dev ## rewrite the generated references in docs/
	$(PYTHON) -m mailstack.generate

bench: .venv/dev packages ## measure beside each figure's reference; writes docs/benchmarks.md
	$(PYTHON) -m benchmarks

fuzz: .venv/dev  ## random input for every parser, a minute each (SECONDS=60)
	$(PYTHON) -m fuzz --seconds $(or $(SECONDS),60)

requirements: .venv/dev ## resolve requirements/*.in anew, with hashes
	$(PIP) uv
	for set in service base dev; do \
	  .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate \
	    --python-version 3.11 --custom-compile-command 'make requirements' \
	    requirements/$$set.in --output-file requirements/$$set.txt || exit 1; \
	done

packages: .venv/dev
	$(PYTHON) -m tests.packages

# The launcher makes .venv with what the program needs; the developers' tools are added here.
# What --no-binary names comes as source only, in Python; all else as a wheel, so no compiler is needed.
.venv/dev: requirements/dev.txt requirements/base.txt
	./mailstack --version
	$(PIP) --require-hashes --use-pep517 --only-binary :all: --no-binary authres,dkimpy,forbiddenfruit,pyspf -r requirements/dev.txt
	touch $@
