#!/bin/sh
# pandoc 3.9 (pypandoc_binary 1.17): numbers that LaTeX puts into a box are not in the Word or HTML version of a paper.
#
# Expected: the commands of LaTeX and graphicx that only frame, shift or scale what they hold (\fbox, \framebox, \makebox,
# \raisebox, \scalebox, \resizebox) lose the frame, as \textcolor, \colorbox, \underline and \mbox do, and keep the text;
# or a warning names what is left out.
# Seen: the command goes with all that it holds. In a table of results the best one, in a frame, is an empty cell; columns
# "r@{$\pm$}l" put 0.912 and 0.003 side by side without the sign. The exit code is 0, nothing is written to stderr; only
# --verbose has a line about it among others.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "pypandoc_binary==1.17" 2> "$folder/said" ||
    { cat "$folder/said"; exit 1; }
cat > "$folder/try.py" <<'PY'
import re
import subprocess
import sys

import pypandoc

PANDOC = pypandoc.get_pandoc_path()
PAPER = r"""\documentclass{article}\usepackage{graphicx,xcolor}\begin{document}
\begin{tabular}{lrr@{$\pm$}l}
Model & Accuracy & F1 & \\
BERT & 0.912 & 0.871 & 0.003 \\
Longformer & %s & 0.904 & 0.002 \\
\end{tabular}
\end{document}"""
KEPT = (r"\textbf{0.934}", r"\underline{0.934}", r"\mbox{0.934}", r"\textcolor{red}{0.934}", r"\colorbox{yellow}{0.934}")
LOST = (r"\fbox{0.934}", r"\framebox{0.934}", r"\makebox[3em]{0.934}", r"\raisebox{1pt}{0.934}", r"\scalebox{.9}{0.934}",
        r"\resizebox{3em}{!}{0.934}")


def read(cell, to):
    done = subprocess.run([PANDOC, "-f", "latex", "-t", to], input=PAPER % cell, capture_output=True, text=True, check=True)
    assert not done.stderr, f"mended: {done.stderr}"
    return done.stdout


print(subprocess.run([PANDOC, "--version"], capture_output=True, text=True).stdout.splitlines()[0])
for cell in KEPT + LOST:
    found = {to: "0.934" in read(cell, to) for to in ("html", "plain", "markdown_strict")}
    row = re.findall(r"<td[^>]*>(.*?)</td>", read(cell, "html"), re.DOTALL)[-4:]
    print(f"{cell}: {row}")
    assert row[0] == "Longformer"
    assert row[2:] == ["0.904", "0.002"], "mended: the sign is there"
    assert set(found.values()) == {cell in KEPT}, f"mended: {cell}"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
