# `make demo` and `make test` need nothing before them: .venv makes itself.
BIN := .venv/bin
INSTALLED := .venv/.installed

# Compiled modules halve the start of each process, and a run starts five of them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test check soak bench zoo atlas docs format lock clean

help: ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

install: $(INSTALLED) ## .venv with chaosllm and the SDKs of the sample apps

$(INSTALLED): pyproject.toml constraints.txt scripts/bootstrap.sh
	@sh scripts/bootstrap.sh

demo: $(INSTALLED) ## both sample apps under chaos, and both verdicts
	@$(BIN)/chaosllm demo

test: $(INSTALLED) ## every test
	@$(BIN)/python scripts/test.py "not alone" -n 3 --dist loadfile --no-loadscope-reorder
	@$(BIN)/python scripts/test.py alone

check: $(INSTALLED) ## lint, format, strict types, import contracts, tests that load
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null || $(BIN)/python -m pytest --collect-only -q

soak: $(INSTALLED) ## the long proofs, such as 100 000 random splits of each framing
	@CHAOSLLM_SOAK=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m soak --timeout 1800

bench: $(INSTALLED) ## side by side with stock mitmproxy and nginx, into docs/performance.md; QUICK=1 takes two minutes
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

zoo: $(INSTALLED) ## apps of known conduct under every fault: how often findings are right; runs are kept in reports/zoo
	@$(BIN)/python tests/zoo reports/zoo --page docs/truth.md

atlas: $(INSTALLED) ## every SDK against every fault, into docs/sdk-atlas.md; needs node and npm
	@npm install --prefix tests/conformance/node --no-audit --no-fund --no-package-lock --silent
	@$(BIN)/python tests/conformance/atlas.py
	@$(BIN)/python scripts/pages.py

docs: $(INSTALLED) ## what is made from code and records: README's tables, pages in docs/, reports/sample, pictures
	@$(BIN)/python scripts/pages.py

format: $(INSTALLED) ## put the code into the house's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## pin the newest versions that pyproject.toml allows
	@sh scripts/bootstrap.sh lock

clean: ## remove .venv, .tools and caches; runs in reports/ stay
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
