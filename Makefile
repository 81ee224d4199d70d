# Two commands are all a new user needs: `make run` and `make test`. Both set everything up first.
PYTHON ?= python3
VENV   ?= .venv
CORES  ?= all
TEST_JOBS ?= 2
BIN    := $(VENV)/bin
PEERS  := .venv-peers
BRIAN2 := .venv-brian2
CONFIG ?= config/config.yaml
KINDS  ?= simulator glm low_rates methods correlograms
BENCH  := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1

# uv does not read pip's settings: hand it pip's own find-links, if there are any.
export UV_FIND_LINKS ?= $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
# Jobs are many and short: compile the libraries once, also for those whose Python writes no bytecode.
export UV_COMPILE_BYTECODE := 1
# What a recipe calls by its bare name is the environment's own. (Snakemake's rules see to that themselves.)
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: run everything methods paper paper-networks pinned matched-mismatched random-sparse remedies reproduction test test-slow test-versions test-gpu test-slurm fuzz mutate lint format peers bench bench-scaling bench-tables performance bench-gpu explore report docs tutorial clean

run: $(VENV)/.ok         ## the main job: the paper's central figure at its full scale, from the network to the picture
	$(BIN)/snakemake --cores $(CORES)

methods: $(VENV)/.ok     ## all methods and all experiments but `mismatch`, 1e7 spikes for each weight strength
	$(BIN)/snakemake --cores $(CORES) --configfile config/methods.yaml

paper: $(VENV)/.ok       ## the same and `mismatch` at the paper's full scale, 1e8 spikes
	$(BIN)/snakemake --cores $(CORES) --configfile config/paper.yaml

paper-networks: $(VENV)/.ok  ## the ring with sidebands and the random symmetric network at the paper's full scale
	$(BIN)/snakemake --cores $(CORES) --configfile config/paper_networks.yaml

pinned: $(VENV)/.ok      ## the ring with one neuron silenced
	$(BIN)/snakemake --cores $(CORES) --configfile config/pinned.yaml

matched-mismatched: $(VENV)/.ok  ## five generators, each inferred by methods of which some are its own model
	$(BIN)/snakemake --cores $(CORES) --configfile config/matched_mismatched.yaml

random-sparse: $(VENV)/.ok  ## random sparse inhibition: who is connected, by graphs of correlograms and by GLMs
	$(BIN)/snakemake --cores $(CORES) --configfile config/random_sparse.yaml

remedies: $(VENV)/.ok    ## noise, resets, suppression and release at the strongest ring: what they buy
	$(BIN)/snakemake --cores $(CORES) --configfile config/remedies.yaml

everything: $(VENV)/.ok  ## a small run of everything: all networks, experiments and figures, at a hundredth of the data
	$(BIN)/snakemake --cores $(CORES) --configfile config/everything.yaml

reproduction: $(VENV)/.ok  ## docs/reproduction.md, from the comparisons in docs/data/
	$(BIN)/circuitbias reproduction --comparisons docs/data/comparison_*.csv --sampling docs/data/sampling_errors.csv \
	  --texts docs/reproduction.yaml --output docs/reproduction.md

test: $(VENV)/.ok        ## the fast tests
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

test-slow: $(VENV)/.ok   ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-versions: $(VENV)/.ok  ## a wheel in an empty environment of Python 3.11, 3.12 and 3.13, of those that are here; the oldest Snakemake
	$(BIN)/python -m pytest -m slow tests/test_versions.py

test-gpu: $(VENV)/.ok-gpu  ## the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu

fuzz: $(VENV)/.fuzz      ## the readers of files and configs, fed with 120 000 broken ones
	OMP_NUM_THREADS=1 $(BIN)/python tests/hostile/fuzz.py

mutate: $(VENV)/.ok      ## how many small edits of the code the tests notice, by room (hours): docs/data/mutation.csv
	$(BENCH) $(BIN)/python tests/mutation/run.py

test-slurm: $(VENV)/.ok  ## the workflow on a SLURM cluster of one node, made for it (needs root and apt-get, else skips)
	$(BIN)/uv pip install -q --python $(VENV) -c constraints.txt -e '.[test,slurm]'
	tests/slurm/one_node_cluster.sh install || echo "SLURM cannot be installed here: its tests will skip themselves"
	$(BIN)/python -m pytest tests/slurm -m slurm

lint: $(VENV)/.ok        ## style of the package and of the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/python workflow/lint.py

format: $(VENV)/.ok
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

peers: $(PEERS)/.ok $(BRIAN2)/.ok  ## the programs that ours are timed beside: two environments, with ours in each

# Beside the peers where they are installed; what is not is skipped. One process for each kind of task, all of
# them or some: `make bench KINDS="glm methods"`.
bench: $(VENV)/.ok       ## timings, side by side with the programs that do the same: results/benchmarks/
	mkdir -p results/benchmarks
	peers=$$(test -e $(PEERS)/.ok && echo $(PEERS) || echo $(VENV)); \
	for kind in $(KINDS); do \
	  $(BENCH) $$peers/bin/python -m pytest benchmarks/test_$$kind.py \
	    --benchmark-json=results/benchmarks/$$kind.json || exit 1; done
	$(if $(filter simulator,$(KINDS)),test ! -e $(BRIAN2)/.ok || \
	  $(BENCH) $(BRIAN2)/bin/python -m pytest benchmarks/test_simulator.py \
	    --benchmark-json=results/benchmarks/brian2.json)

bench-scaling: $(VENV)/.ok  ## time by the size of the network, steps, spikes and cores
	mkdir -p results/benchmarks
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scaling.py --output results/benchmarks/scaling.csv

bench-tables: $(VENV)/.ok  ## docs/data/benchmarks.csv and scaling.csv, renewed by the last runs of the two before
	$(BIN)/python benchmarks/tables.py results/benchmarks docs/data

performance: $(VENV)/.ok  ## docs/performance.md, from these tables
	$(BIN)/python benchmarks/page.py

bench-gpu: $(VENV)/.ok-gpu  ## timings on a CUDA device, beside the CPU's
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest benchmarks/test_gpu.py -m gpu --benchmark-only --benchmark-group-by=group

explore: $(VENV)/.ok     ## a page to explore the run of CONFIG in a browser, without a network: results/*/explore.html
	$(BIN)/snakemake --configfile $(CONFIG) --cores $(CORES) -- explore

report: $(VENV)/.ok      ## the run of CONFIG and the page to explore it as one HTML page: results/report.html
	$(BIN)/snakemake --configfile $(CONFIG) --cores $(CORES) -- account explore
	$(BIN)/snakemake --configfile $(CONFIG) --report results/report.html -- all account explore

docs: $(VENV)/.ok        ## the documentation as a site: results/docs/index.html
	$(BIN)/uv pip install -q --python $(VENV) -c constraints.txt -e '.[test,docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

tutorial: $(VENV)/.ok    ## docs/tutorial.ipynb, run anew
	$(BIN)/uv pip install -q --python $(VENV) -c constraints.txt -e '.[test,docs]'
	OMP_NUM_THREADS=1 $(BIN)/python docs/run_tutorial.py

$(VENV)/.ok: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "circuitbias needs Python 3.11 or newer; $(PYTHON) is older (set PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q uv==0.13.9
	$(BIN)/uv pip install -q --python $(VENV) -c constraints.txt -e '.[test]'
	touch $@

$(VENV)/.ok-gpu: $(VENV)/.ok
	$(BIN)/uv pip install -q --python $(VENV) -c constraints.txt -e '.[test,gpu]'
	touch $@

$(PEERS)/.ok: $(VENV)/.ok $(wildcard benchmarks/peers/*.txt)
	$(PYTHON) -m venv $(PEERS)
	$(BIN)/uv pip install -q --python $(PEERS) -c constraints.txt -e '.[test]' -r benchmarks/peers/requirements.txt
	$(BIN)/uv pip install -q --python $(PEERS) --no-deps -r benchmarks/peers/no-deps.txt
	touch $@

$(BRIAN2)/.ok: $(VENV)/.ok $(wildcard benchmarks/peers/*.txt)
	$(PYTHON) -m venv $(BRIAN2)
	grep -v '^numpy==' constraints.txt > $(BRIAN2)/constraints.txt
	$(BIN)/uv pip install -q --python $(BRIAN2) -c $(BRIAN2)/constraints.txt -e '.[test]' \
	  -r benchmarks/peers/requirements-brian2.txt
	touch $@

$(VENV)/.fuzz: $(VENV)/.ok
	$(BIN)/uv pip install -q --python $(VENV) -c constraints.txt -e '.[fuzz]'
	touch $@

clean:                   ## remove results and environment
	rm -rf $(VENV) $(PEERS) $(BRIAN2) results/*/ results/*.html .snakemake
