#!/bin/sh
# pyarrow 26.0.1 (and pandas 3.1.1): rows of NaN are lost when a filter is applied while a Parquet file is read.
#
# Expected: read_table(path, filters=where) has the rows of read_table(path).filter(where), only faster.
# Seen: a row group is left out by the smallest and largest value of its column, which say nothing of NaN. Where all
# numbers of it are 0.5 at most, "not (p <= 0.5)" loses the rows of NaN; where all are 0.5, so do "p != 0.5" and is_nan():
# who asks which results are missing is told that none is. Nothing warns, and one more number in the row group brings them
# back. polars has them all when it reads lazily.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "pyarrow==26.0.1" "pandas==3.1.1" "polars==2.1.0"
cat > "$folder/try.py" <<'PY'
import sys
from math import nan

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.compute import field

path = sys.argv[1] + "/results.parquet"
WHERE = {
    "p != 0.5": lambda p: p != 0.5,
    "not (p <= 0.5)": lambda p: ~(p <= 0.5),
    "is nan": lambda p: p.is_nan(),
}
LOST = {"all are 0.5": ([0.5, nan], 3), "0.5 at most": ([0.1, 0.5, nan], 1), "others": ([0.1, 0.9, nan], 0)}
for numbers, (values, wanted) in LOST.items():
    pq.write_table(pa.table({"p": values}), path)
    lost = []
    for name, where in WHERE.items():
        after = len(pq.read_table(path).filter(where(field("p"))))
        assert after == pl.scan_parquet(path).filter(where(pl.col("p"))).collect().height
        found = len(pq.read_table(path, filters=where(field("p"))))
        assert found == len(pd.read_parquet(path, filters=where(field("p"))))
        print(f"numbers: {numbers}; {name}: {after} row{'s' * (after != 1)}, {found} by a filter while reading")
        lost += [name] * (found < after)
    assert len(lost) == wanted, f"mended: {lost}"
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
