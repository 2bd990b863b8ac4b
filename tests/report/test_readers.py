"""What reads the tables gets every string back as it was: Parquet in Python, in JavaScript, in a database, in a sheet.

Readers that nothing else here needs are installed in a temporary folder, in the versions that docs/folder.md names.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import venv
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow.parquet as pq
import pytest

from reportgen.report import tables
from tests import reports
from tests.report.test_tables import documented

pytestmark = pytest.mark.slow

WORDS = (
    *("plain", "=HYPERLINK(1)", "'=CALL(1)", "-", "@x", '"quoted"', "a,b", "it's", "''", "0012", "1e5", "TRUE", "1/2"),
    *("naïve", "漢字", "😀👩‍👩‍👧", "שלום", "e\u0301", "\u00ad", "NA", "null", "None", "\\N", "x" * 300),
)
TEXT = "\r\n".join(("\t".join(WORDS[:12]), " ".join(WORDS[12:])))
PYTHON = ("fastparquet==2026.9.0", "polars==2.1.0", "duckdb==2.0.1")
JAVASCRIPT = ("hyparquet@1.33.0", "parquet-wasm@0.8.0", "apache-arrow@21")
READ = """
import json, sys
import duckdb, fastparquet, polars
folder = sys.argv[1]
path, table = f"{folder}/tokens.parquet", f"{folder}/token_attention.parquet"
strings = {
    "fastparquet": [fastparquet.ParquetFile(f).to_pandas()[name].astype(object).tolist()
                    for f, name in ((path, "token"), (path, "text"), (table, "token"))],
    "polars": [polars.read_parquet(f)[name].cast(polars.String).to_list()
               for f, name in ((path, "token"), (path, "text"), (table, "token"))],
    "duckdb": [[row[0] for row in duckdb.sql(f"SELECT {name} FROM '{f}'").fetchall()]
               for f, name in ((path, "token"), (path, "text"), (table, "token"))],
}
scores = {
    "fastparquet": fastparquet.ParquetFile(path).to_pandas()["score"].tolist(),
    "polars": polars.read_parquet(path)["score"].to_list(),
    "duckdb": [row[0] for row in duckdb.sql(f"SELECT score FROM '{path}'").fetchall()],
}
headers = {
    "polars": polars.read_csv(f"{folder}/tokens.csv", infer_schema=False).columns,
    "duckdb": duckdb.sql(f"SELECT * FROM read_csv('{folder}/tokens.csv', all_varchar = true)").columns,
}
print(json.dumps([strings, scores, headers]))
"""
SCRIPT = """
import { readFileSync } from "node:fs";
import { parquetReadObjects } from "hyparquet";
import { tableFromIPC } from "apache-arrow";
import { readParquet } from "parquet-wasm/node";
const found = { hyparquet: [], "parquet-wasm": [] };
for (const [name, column] of [["tokens", "token"], ["tokens", "text"], ["token_attention", "token"]]) {
  const bytes = readFileSync(`${process.argv[2]}/${name}.parquet`);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  found.hyparquet.push((await parquetReadObjects({ file })).map((row) => row[column]));
  found["parquet-wasm"].push([...tableFromIPC(readParquet(bytes).intoIPCStream()).getChild(column)]);
}
console.log(JSON.stringify(found));
"""


def needed(condition: object, reason: str) -> None:
    """Leave the test out where something is not installed, but not where CI runs."""
    if not condition and "CI" not in os.environ:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a text with strings that readers like to change."""
    folder = tmp_path_factory.mktemp("tables")
    starts = [found.span() for found in re.finditer(r"[^\t\r\n ]+|[\t\r\n ]+", TEXT)]
    shown = reports.report(TEXT, read=reports.tokens(TEXT, spans=starts))
    for name, content in tables.files(shown, *reports.ranked(shown)).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def wanted(made: Path) -> list[list[str]]:
    """Tokens, texts, and tokens in every layer and head, as pyarrow reads them."""
    listed = pq.read_table(made / "tokens.parquet").to_pydict()
    found = [listed["token"], listed["text"], pq.read_table(made / "token_attention.parquet")["token"].to_pylist()]
    assert set(WORDS) <= set(found[1])
    assert "\r\n" in found[1]
    return found


def test_pandas_and_datasets(made: Path, wanted: list[list[str]]) -> None:
    places = (("tokens", "token"), ("tokens", "text"), ("token_attention", "token"))
    assert [pd.read_parquet(made / f"{name}.parquet")[column].astype(str).tolist() for name, column in places] == wanted
    files = {name: str(made / f"{name}.parquet") for name in ("tokens", "token_attention")}
    for (name, column), strings in zip(places, wanted, strict=True):
        read: Any = datasets.Dataset.from_parquet(files[name], cache_dir=str(made / "cache"))
        feature = read.features[column]
        found = list(read[column])
        assert (feature.int2str(found) if isinstance(feature, datasets.ClassLabel) else found) == strings
    listed = pd.read_csv(made / "tokens.csv", dtype=str, keep_default_na=False)
    assert next(iter(listed.columns)) == "position"
    assert list(map(documented, listed["text"])) == wanted[1]


def test_fastparquet_polars_and_duckdb(made: Path, wanted: list[list[str]], tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    installed = subprocess.run([python, "-m", "pip", "install", "-q", *PYTHON], capture_output=True, text=True)
    needed(installed.returncode == 0, f"not installed: {installed.stderr[-300:]}")
    done = subprocess.run([python, "-c", READ, made], capture_output=True, text=True, check=True)
    strings, scores, headers = json.loads(done.stdout)
    for name, found in strings.items():
        assert found == wanted, name
    exact = pq.read_table(made / "tokens.parquet")["score"].to_pylist()
    assert all(found == exact for found in scores.values())
    assert all(columns[0] == "position" for columns in headers.values())


def test_hyparquet_and_parquet_wasm(made: Path, wanted: list[list[str]], tmp_path: Path) -> None:
    needed(shutil.which("npm"), "npm is not installed")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    how: dict[str, Any] = {"cwd": tmp_path, "capture_output": True, "text": True}
    installed = subprocess.run(["npm", "install", "--silent", "--ignore-scripts", *JAVASCRIPT], check=False, **how)
    needed(installed.returncode == 0, f"not installed: {installed.stderr[-300:]}")
    (tmp_path / "read.js").write_text(SCRIPT)
    done = subprocess.run(["node", "read.js", str(made)], check=True, **how)
    for name, found in json.loads(done.stdout).items():
        assert found == wanted, name


def test_libreoffice_with_columns_of_text(made: Path, tmp_path: Path) -> None:
    """The CSV, opened as the manual says, and saved again: not a cell is another, and none is a formula."""
    needed(shutil.which("soffice"), "LibreOffice is not installed")
    content = (made / "tokens.csv").read_bytes()
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    text = "/".join(f"{column}/2" for column in range(1, len(rows[0]) + 1))
    command = [
        *("soffice", "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"),
        *(f"--infilter=CSV:44,34,76,1,{text}", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true"),
        *("--outdir", str(tmp_path), str(made / "tokens.csv")),
    ]
    subprocess.run(command, capture_output=True, check=True, timeout=200)
    back = list(csv.reader(io.StringIO((tmp_path / "tokens.csv").read_bytes().decode("utf-8-sig"), newline="")))
    # what a sheet does to line ends inside of cells, it does to all: they are compared as one
    assert [[cell.replace("\r\n", "\n") for cell in row] for row in back] == [
        [cell.replace("\r\n", "\n") for cell in row] for row in rows
    ]


def test_the_manual_names_these_readers() -> None:
    page = (Path(__file__).parents[2] / "docs" / "folder.md").read_text()
    for name in ("pandas", "pyarrow", "datasets", "hyparquet 1.33", "parquet-wasm 0.8", "fastparquet 2026.9"):
        assert name in page
