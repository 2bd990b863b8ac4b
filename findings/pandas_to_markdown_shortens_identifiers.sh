#!/bin/sh
# pandas 3.1.1 with tabulate 0.10.0: to_markdown() writes other identifiers than the data frame holds.
#
# Expected: a column of strings (dtype str) is written as it is; that dtype says that these are no numbers.
# Seen: if every string of a column could be a number, they are read as numbers and written with six digits: arXiv's
# 2310.01230 becomes 2310.01, another paper, and 0704.0001 becomes 704; version 1.10 becomes 1.1, revision 12e4 becomes
# 120000. to_string(), to_html() and to_latex() write the strings. Nothing warns; one string with a letter in the column,
# and all are right. disable_numparse=True is passed on to tabulate, and helps.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "pandas==3.1.1" "tabulate==0.10.0" "jinja2==3.1.6"
cat > "$folder/try.py" <<'PY'
import pandas as pd

rows = pd.DataFrame({
    "paper": ["2310.01230", "2310.01234", "0704.0001"],
    "version": ["1.9", "1.10", "2.0"],
    "revision": ["12e4", "7e02", "1000"],
})
assert {str(kind) for kind in rows.dtypes} == {"str"}


def cells(markdown):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()[2:]]


wanted = rows.to_numpy().tolist()
found = cells(rows.to_markdown(index=False))
print(rows.to_markdown(index=False))
assert found == [["2310.01", "1.9", "120000"], ["2310.01", "1.1", "700"], ["704", "2", "1000"]], "mended"
assert cells(rows.to_markdown(index=False, disable_numparse=True)) == wanted
for written in (rows.to_string(), rows.to_html(), rows.to_latex()):
    assert all(cell in written for row in wanted for cell in row)
named = pd.concat([rows, pd.DataFrame({"paper": ["acl:P17"], "version": ["dev"], "revision": ["main"]})])
assert cells(named.to_markdown(index=False))[:3] == wanted
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
