# Two commands do everything on a machine that has Python 3.11 or newer and make: `make dev` and `make test`.
# Options of the first go in ARGS: make dev ARGS='--nodes 2 --port 18065 --data /some/dir'

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NEW_ENOUGH := import sys; raise SystemExit(sys.version_info < (3, 11))
# A bot that the tests run, in an environment of its own: its library needs older versions of what they use.
BOT := tests/clients/bot/requirements
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --upgrade --quiet \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

# The tests start the program hundreds of times: what was compiled once is kept, even where shells are told otherwise.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: dev test bench chaos soak loadtest lint style format lock

dev: $(STAMP)
	@exec $(BIN)/hubbub dev $(ARGS)

# Two processes for the tests, and one for the soak: it begins first and takes five minutes, but little of a processor.
# Without it: make test ARGS='-n 2 -m "not slow"'
# In a new clone one process compiles the tests first: all of them did, each for itself.
# Types are looked at when there is nothing else to do; what is wrong with them is told in the end.
test: style
	nice $(BIN)/mypy >$(VENV)/types 2>&1 & types=$$!; \
	test -d tests/__pycache__ || $(BIN)/pytest --collect-only -qq >/dev/null; \
	$(BIN)/pytest -n 3 --dist worksteal $(ARGS); tests=$$?; \
	wait $$types; types=$$?; \
	test $$types = 0 || cat $(VENV)/types; exit $$((tests ? tests : types))

# What everything costs, beside the last figures that were kept; ARGS='--only fanout --repeat 1' for less,
# ARGS='--save --readme' to keep them.
bench: $(STAMP)
	@$(BIN)/python -m benchmarks $(ARGS)

# Faults under load, with a table of what they did; ARGS picks some by name.
chaos: $(STAMP)
	$(BIN)/python -m tests.chaos $(ARGS)

# Everything that people do, for two hours, and a table of what may not grow by it; ARGS='--minutes 20' for less.
soak: $(STAMP)
	$(BIN)/python -m tests.soak $(ARGS)

# The production mix for two minutes, a table and a report; ARGS go to Locust: make loadtest ARGS='--host http://…'.
loadtest: $(STAMP)
	@$(BIN)/python -m loadtest $(ARGS)

lint: style
	$(BIN)/mypy

style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Newest versions that fit pyproject.toml, written as names, versions and hashes.
lock: $(STAMP)
	$(BIN)/pip install --quiet uv
	$(BIN)/$(COMPILE) pyproject.toml --extra build -o requirements.lock
	$(BIN)/$(COMPILE) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/$(COMPILE) $(BOT).in -o $(BOT).lock

# The packages are installed again only when the lock or the package's own description changed. The locked pip goes
# first: that of a new environment may be so old that it needs half a minute to choose from what an index offers. The
# rest comes in two turns side by side, since pip waits for the index most of the time, and is compiled by all processors.
$(STAMP): requirements-dev.lock $(BOT).lock pyproject.toml
	@test -x $(BIN)/python || for python in $(PYTHON) python3.12 python3.11 python3 python3.13; do \
		if $$python -c '$(NEW_ENOUGH)' 2>/dev/null; then exec $$python -m venv $(VENV); fi; \
	done; test -x $(BIN)/python || { echo 'Python 3.11 or newer is needed, with its venv module.' >&2; exit 1; }
	@sed -n '/^pip==/,/[^\\]$$/p' requirements-dev.lock >$(VENV)/pip.lock
	@$(PIP) install --no-deps --require-hashes -r $(VENV)/pip.lock
	@$(BIN)/python -m venv --without-pip $(VENV)/bot
	@$(PIP) --python $(VENV)/bot install --no-deps --require-hashes -r $(BOT).lock & bot=$$!; \
	echo "$(PIP) install -r requirements-dev.lock"; \
	$(PIP) install --no-deps --no-compile --require-hashes -r requirements-dev.lock && wait $$bot
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
