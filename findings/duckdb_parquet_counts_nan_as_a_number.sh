#!/bin/sh
# duckdb 2.0.1: the same query finds other rows in a Parquet file than in the table that was written to it, if it has NaN.
#
# Expected: SELECT ... FROM 'file.parquet' answers as it does from a table of the same rows. NaN is more than every number
# (DuckDB's manual, "Floating-Point Types"), so "p <= 0.5" leaves it out and isnan() finds it.
# Seen: files of pyarrow and polars say smallest and largest value of a column without NaN, as Parquet's format asks. DuckDB
# takes them for all of it: where every number is 0.5 at most, NaN counts as "p <= 0.5", as "p = 0.5" it counts where all
# numbers are 0.5, and isnan() finds nothing. Nothing warns. Files that DuckDB wrote are read right. Who counts significant
# results in a file counts those that have no p. DuckDB's issue 25521 has some of these operators.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "duckdb==2.0.1" "pyarrow==26.0.1" "polars==2.1.0"
cat > "$folder/try.py" <<'PY'
import sys
from math import nan

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

results = pa.table({"p": [0.5, nan, 0.5]})
files = {name: f"{sys.argv[1]}/{name}.parquet" for name in ("pyarrow", "polars", "duckdb")}
pq.write_table(results, files["pyarrow"])
polars.from_arrow(results).write_parquet(files["polars"])
duckdb.from_arrow(results).write_parquet(files["duckdb"])
WHERE = ("p <= 0.5", "p = 0.5", "p > 0.5", "p <> 0.5", "isnan(p)")


def counts(source):
    return [duckdb.sql(f"SELECT count(*) FROM {source} WHERE {where}").fetchall()[0][0] for where in WHERE]


found = {"the table": counts("results")}
found |= {f"the file of {name}": counts(f"'{path}'") for name, path in files.items()}
print("rows with", ", ".join(WHERE))
for name, numbers in found.items():
    print(f"{name}: {numbers}")
assert found["the table"] == found["the file of duckdb"] == [2, 2, 1, 1, 1]
assert found["the file of pyarrow"] == found["the file of polars"] == [3, 3, 0, 0, 0], "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
