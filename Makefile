# Two commands matter: `make run` and `make test`. Each does all set-up; a second run is quick.
PYTHON ?= python3
BIN := .venv/bin
# Telemetry of third parties stays off in everything that make starts.
export DO_NOT_TRACK := 1

.PHONY: help run test test-infra terraform spark torture mutants smoke-aws lint format lock bench bench-pipeline bench-startup bench-increment bench-gates bench-growth bench-peers bench-queries bench-site bench-memory landing bench-landing screenshots vendor notebooks clean
.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

run: .venv/ready ## Generate a delivery of three days and load it, from files to marts, and build its site
	$(BIN)/dw generate
	$(BIN)/dw run
	$(BIN)/dw site

test: .venv/ready-test .venv/ready-odcs ## Lint, types, contracts, SQL and all tests but test-infra's; WORKERS=2 at once; LARGE=1: a file larger than memory too
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n $(or $(WORKERS),2) --dist loadfile

test-infra: terraform .venv/ready-infra ## Terraform: style, types, tests, linters, rights, and applied to a local AWS; WORKERS=4 at once
	$(BIN)/pytest -n $(or $(WORKERS),4) --dist loadgroup tests/infra

terraform:
	@$(PYTHON) tests/infra/terraform.py

notebooks: .venv/ready-lab ## Open the notebooks in Jupyter Lab, on the warehouse of `make run` or of DW_HOME
	.venv/lab/bin/jupyter lab notebooks

spark: .venv/ready-spark ## Add PySpark and a Java, so that `make test` also runs the Glue job

torture: .venv/ready-test ## Kill the pipeline N=200 times at random points, run it again, compare; SEED=7, WHOLE=1 for all tables
	PYTHONPATH=tests $(BIN)/python tests/torture/torture.py --kills $(or $(N),200) --seed $(or $(SEED),7) $(if $(ONLY),--only $(ONLY)) $(if $(WHOLE),--whole)

mutants: .venv/ready-test ## Change the code one thing at a time and tell which changes no test notices; ONLY=sql/merge SAMPLE=30
	$(BIN)/python tests/mutation/mutate.py $(ONLY) $(if $(SAMPLE),--sample $(SAMPLE)) --seed $(or $(SEED),7)

smoke-aws: .venv/ready-test ## Try the aws mode on a real account (DW_* settings; costs money): CONFIRM=yes
	PYTHONPATH=tests:tests/smoke CONFIRM=$(CONFIRM) $(BIN)/python tests/smoke/smoke_aws.py

lint: .venv/ready-test ## The checks of pre-commit: style, types, import layers, contracts and SQL
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/dw check

format: .venv/ready-test ## Format the code; take the outputs out of notebooks; write the generated suites and docs/reference/ anew
	$(BIN)/nbstripout --extra-keys metadata.language_info.version notebooks/*.ipynb
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/dw check --write
	$(BIN)/python -m flows.reference

lock: .venv/uv ## Resolve the dependencies of pyproject.toml anew
	$(BIN)/uv pip compile --python-version 3.11 pyproject.toml --upgrade -o requirements.lock --no-header --no-annotate --quiet
	$(BIN)/uv pip compile --python-version 3.11 pyproject.toml --extra test --extra notebooks -c requirements.lock -o requirements-test.lock --no-header --no-annotate --quiet
	$(BIN)/uv pip compile --python-version 3.11 pyproject.toml --extra test --extra spark -c requirements-test.lock -o requirements-spark.lock --no-header --no-annotate --quiet
	$(BIN)/uv pip compile --python-version 3.11 pyproject.toml --extra test --extra bench -c requirements-test.lock -o requirements-bench.lock --no-header --no-annotate --quiet
	$(BIN)/uv pip compile --python-version 3.11 --group infra --upgrade -o requirements-infra.lock --no-header --no-annotate --quiet
	$(BIN)/uv pip compile --python-version 3.11 pyproject.toml --extra notebooks -c requirements-test.lock -o requirements-notebooks.lock --no-header --no-annotate --quiet
	$(BIN)/uv pip compile --python-version 3.11 --group lab --upgrade -o requirements-lab.lock --no-header --no-annotate --quiet
	$(BIN)/uv pip compile --python-version 3.11 --group odcs --upgrade -o requirements-odcs.lock --no-header --no-annotate --quiet
	@for peer in $(PEERS); do $(BIN)/uv pip compile --python-version 3.11 --group peers-$$peer --upgrade -o benchmarks/peers/requirements-$$peer.lock --no-header --no-annotate --quiet || exit 1; done

bench: .venv/ready-peers ## Measure everything at full size, some 20 minutes, and write benchmarks/RESULTS.md (FOLDER= keeps the data)
	$(BIN)/python benchmarks/everything.py $(if $(FOLDER),--folder $(FOLDER))

bench-pipeline: .venv/ready-test ## Measure the whole pipeline at full size beside a bare script, three rounds (FOLDER= keeps the data)
	$(BIN)/python benchmarks/pipeline.py $(if $(FOLDER),--folder $(FOLDER))

bench-startup: .venv/ready-test ## Measure what `dw --help`, `dw check` and the start of `dw run` take
	$(BIN)/python benchmarks/startup.py

bench-increment: .venv/ready-test ## Measure one more day at the end of a history (BENCH_HOME=, DELIVERY=: what `make bench FOLDER=` keeps)
	$(BIN)/python benchmarks/increment.py --home $(BENCH_HOME) --delivery $(DELIVERY)

bench-gates: .venv/ready-bench ## Measure what a gate costs, beside other libraries (ROWS=5000000)
	$(BIN)/pytest -q tests/test_benchmarks.py
	$(BIN)/python benchmarks/gates.py --rows $(or $(ROWS),5000000)

bench-growth: .venv/ready-test ## Measure what a day costs in histories of 1, 4 and 16 times the days
	$(BIN)/python benchmarks/growth.py $(if $(FOLDER),--folder $(FOLDER))

bench-peers: .venv/ready-peers ## Measure this warehouse beside dbt, SQLMesh and dlt on the same data (SIZE=tenth, FOLDER=)
	$(BIN)/python benchmarks/peers.py $(if $(SIZE),--size $(SIZE)) $(if $(FOLDER),--folder $(FOLDER))

bench-site: .venv/ready-test ## Measure building the site of a history of 400 days, its pages and charts (DAYS=400)
	$(BIN)/python benchmarks/long_site.py --days $(or $(DAYS),400) $(if $(FOLDER),--folder $(FOLDER))

bench-memory: .venv/ready-test ## Clean files of 0.2, 0.7 and 2.8 GB below 2 GiB, merge below DW_MEMORY_LIMIT (12 GB of disk)
	$(BIN)/python benchmarks/memory.py $(if $(FOLDER),--folder $(FOLDER))
	$(BIN)/python benchmarks/merge_memory.py $(if $(FOLDER),--folder $(FOLDER))

bench-queries: .venv/ready-test ## Measure queries on the warehouse of `make run`, or of another home (FOLDER=)
	$(BIN)/python benchmarks/queries.py --home $(or $(FOLDER),.warehouse)

landing: .venv/ready ## Make build/landing.zip, the package of the functions that check files where they land
	$(BIN)/python -m tasks.landing_package build/landing.zip

bench-landing: .venv/ready-test ## Measure cold and warm starts of the landing functions
	PYTHONPATH=tests:tests/landing:benchmarks $(BIN)/python benchmarks/landing.py

screenshots: .venv/ready-test ## Take the pictures of docs/images/ anew, of a shop that is run for them (needs Chromium)
	$(BIN)/python tests/screenshots.py

vendor: .venv/ready ## Take the scripts of others that the site loads from npm, as tasks/site/assets/vendor/vendor.json lists them
	$(BIN)/python -m tasks.site.vendor

clean: ## Remove the local warehouse and lake (not the environment)
	rm -rf .warehouse

.venv/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

.venv/ready: requirements.lock pyproject.toml | .venv/uv
	@echo "Installing into .venv …"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --editable .
	@touch $@

.venv/ready-test: requirements-test.lock .venv/ready
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-test.lock
	@touch $@

.venv/ready-spark: requirements-spark.lock .venv/ready-test
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-spark.lock
	@touch $@

.venv/ready-infra: requirements-infra.lock .venv/ready-test
	@test -x .venv/infra/bin/python || $(PYTHON) -m venv --without-pip .venv/infra
	@$(BIN)/uv pip install --quiet --compile-bytecode --python .venv/infra/bin/python -r requirements-infra.lock
	@touch $@

.venv/ready-odcs: requirements-odcs.lock .venv/ready
	@test -x .venv/odcs/bin/python || $(PYTHON) -m venv --without-pip .venv/odcs
	@$(BIN)/uv pip install --quiet --compile-bytecode --python .venv/odcs/bin/python -r requirements-odcs.lock
	@touch $@

.venv/ready-notebooks: requirements-notebooks.lock .venv/ready
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-notebooks.lock
	@touch $@

# The kernel is the project's own Python: the notebooks run with what the tests run with.
.venv/ready-lab: requirements-lab.lock .venv/ready-notebooks
	@test -x .venv/lab/bin/python || $(PYTHON) -m venv --without-pip .venv/lab
	@$(BIN)/uv pip install --quiet --compile-bytecode --python .venv/lab/bin/python -r requirements-lab.lock
	@$(BIN)/python -m ipykernel install --prefix .venv/lab --name python3 > .venv/lab/kernel.log 2>&1 || (cat .venv/lab/kernel.log; false)
	@touch $@

# What is compared with: each tool in an environment of its own, since they pin one another's DuckDB and sqlglot.
PEERS := dbt sqlmesh dlt
.venv/ready-peers: $(PEERS:%=benchmarks/peers/requirements-%.lock) .venv/ready-test
	@for peer in $(PEERS); do \
	  test -x .venv/peers-$$peer/bin/python || $(PYTHON) -m venv --without-pip .venv/peers-$$peer || exit 1; \
	  $(BIN)/uv pip install --quiet --compile-bytecode --python .venv/peers-$$peer/bin/python -r benchmarks/peers/requirements-$$peer.lock || exit 1; \
	done
	@touch $@

.venv/ready-bench: requirements-bench.lock .venv/ready-test
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-bench.lock
	@touch $@
