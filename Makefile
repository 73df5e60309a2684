# make launch   set everything up, then run the default study
# make test     set everything up, then run the whole test suite
# make build    after an edit of C files
# make werror   the same, with -Wall -Wextra -Werror
# make lint     style, types, import floors
# make sanitize the simulator's tests with address and undefined-behaviour checks
#
# ARGS="..." is handed on: make test ARGS="-k machine"; make launch ARGS="--dry-run".
# Tests run in one process more than CPUs, file by file; one after another: make test ARGS="-n 0".

# No bytecode beforehand: to compile all that is installed takes longer than to install it.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --no-compile --no-build-isolation
BUILD := $(PIP) --no-deps --editable .
C := $(wildcard policies/*.[ch] policies/stub/*.c sweep/backends/simulator/src/*.[ch] \
       sweep/backends/native/src/*.[ch] sweep/backends/native/src/calibrate/*.[ch] \
       sweep/backends/kernel/module/*.[ch] sweep/backends/kernel/guest/*.c sweep/backends/kernel/export/*.[ch] \
       sweep/backends/kernel/calibrate/*.c)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: launch test build lint werror sanitize clean
.DELETE_ON_ERROR:

launch: $(VENV)/built
	$(BIN)/python -m sweep launch $(ARGS)

test: $(VENV)/built $(VENV)/test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

$(VENV)/made: tools/venv
	tools/venv $(VENV)
	touch $@

$(VENV)/requirements: pyproject.toml tools/requirements | $(VENV)/made
	$(BIN)/python tools/requirements | $(PIP) --requirement /dev/stdin
	touch $@

$(VENV)/test $(VENV)/dev: pyproject.toml tools/requirements | $(VENV)/requirements
	$(BIN)/python tools/requirements $(@F) | $(PIP) --requirement /dev/stdin
	touch $@

$(VENV)/built: CMakeLists.txt $(C) $(VENV)/requirements
	$(BUILD)
	touch $@

build: | $(VENV)/requirements
	$(BUILD) --config-settings=cmake.define.SWEEP_WERROR=OFF
	touch $(VENV)/built

werror: | $(VENV)/requirements
	$(BUILD) --config-settings=cmake.define.SWEEP_WERROR=ON
	touch $(VENV)/built

lint: $(VENV)/built $(VENV)/test $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $(C)

sanitize: $(VENV)/built $(VENV)/test
	cmake -S . -B build/sanitize -G Ninja -DSWEEP_SANITIZE=address,undefined
	cmake --build build/sanitize
	SWEEP_ENGINE=$(CURDIR)/build/sanitize/_engine.so ASAN_OPTIONS=detect_leaks=0 \
	LD_PRELOAD="$$($(or $(CC),cc) -print-file-name=libasan.so) $$($(or $(CC),cc) -print-file-name=libubsan.so)" \
	$(BIN)/python -m pytest tests/sweep/backends/simulator $(ARGS)

clean:
	rm -rf build $(VENV)
