#!/bin/sh
# datatool 2.32 and csvsimple 2.3 (TeX Live 2022) put another ranking into a paper than the CSV file of scores holds.
# Needs Debian 12: pdflatex with texlive-latex-extra 2022, pdftotext.
#
# Expected: \DTLsort{score=descending} puts 0.5 before 9.1e-05, which Python, R and pandas write for 0.000091, or says that
# it is no number. \csvreader prints a row for each row of the file (RFC 4180), or says what it cannot read.
# Seen: datatool compares as text as soon as a number has an exponent: the smallest score comes first. csvsimple counts the
# comma in "a,b" as one that ends a cell and leaves the row out, as its manual says of rows with too many cells: a table of
# tokens has none with a comma. Neither warns, on the page or in the log.
set -eu
for needed in pdflatex:texlive-latex-extra:2022 pdftotext:poppler-utils:22.12; do
    name=${needed%%:*} rest=${needed#*:}
    version=$(dpkg-query -W -f '${Version}' "${rest%:*}" 2> /dev/null || true)
    case "$version" in "${rest#*:}"*) command -v "$name" > /dev/null ;; *) echo "needs $name of Debian 12"; exit 1 ;; esac
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > scores.csv <<'CSV'
token,score
alpha,0.5
beta,9.1e-05
gamma,0.02
"a,b",0.3
delta,0.00009
CSV
grep -v e-05 scores.csv > plain.csv
cat > paper.tex <<'TEX'
\documentclass{article}
\usepackage{datatool,csvsimple}
\begin{document}
\DTLloaddb{all}{scores.csv}\DTLsort{score=descending}{all}
sorted: \DTLforeach{all}{\token=token}{\token; }

\DTLloaddb{plain}{plain.csv}\DTLsort{score=descending}{plain}
plain: \DTLforeach{plain}{\token=token}{\token; }

printed: \csvreader[head to column names]{scores.csv}{}{\token; }
\end{document}
TEX
pdflatex -interaction=nonstopmode paper.tex > /dev/null
grep -E "^Package: (datatool|csvsimple-legacy|csvsimple) " paper.log
pdftotext paper.pdf - | grep ";"
if grep -q "Warning:" paper.log; then echo "mended: warned"; exit 1; fi
pdftotext paper.pdf text
for line in "plain: alpha; a,b; gamma; delta;" "sorted: beta; alpha; a,b; gamma; delta;" \
    "printed: alpha; beta; gamma; delta;"; do
    grep -qxF "$line" text || { echo "mended, not so: $line"; exit 1; }
done
