#!/bin/sh
# safetensors 0.8.0: a valid file that does not fit into memory ends in a panic that `except Exception` does not catch.
#
# Expected: MemoryError, as from numpy.fromfile(), which a program that reads many files can catch for each.
# Seen: load_file() raises pyo3_runtime.PanicException, "PyObject pointer is null", with a Rust backtrace on stderr. It
# is no Exception but a BaseException, so that one file ends the whole program.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "safetensors==0.8.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import resource
import sys

import numpy as np
from safetensors.numpy import load_file

size = 2_000_000_000
header = b'{"x":{"dtype":"F32","shape":[500000000],"data_offsets":[0,2000000000]}}'
path = sys.argv[1] + "/large.safetensors"
with open(path, "wb") as file:
    file.write(len(header).to_bytes(8, "little") + header)
    file.truncate(8 + len(header) + size)
resource.setrlimit(resource.RLIMIT_DATA, (1_000_000_000, resource.RLIM_INFINITY))


def raised(read):
    try:
        read()
    except BaseException as error:
        return error


plain = raised(lambda: np.fromfile(path, np.float32))
found = raised(lambda: load_file(path))
print(f"numpy.fromfile: {type(plain).__name__}; load_file: {type(found).__name__}: {found}")
assert isinstance(plain, MemoryError)
assert type(found).__name__ == "PanicException" and not isinstance(found, Exception), "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
