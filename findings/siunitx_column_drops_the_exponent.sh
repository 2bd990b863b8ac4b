#!/bin/sh
# siunitx 3.2.0 (TeX Live 2022): in a column S[table-format=1.3], 1.2e-4 is printed as 1.2, and 3.1e-05 as 3.1.
# Needs Debian 12: pdflatex with texlive-science 2022 (siunitx), pdftotext.
#
# Expected: table-format says how much room a column has ("1.3": one digit before the decimal marker, three after it). A
# number that needs more sticks out, as 123.4567, -0.25 and 0.5(1) do; or a warning says that it does not fit.
# Seen: the exponent is left out, with or without rounding, and no warning, not even of an overfull box, says so. A p-value
# or an attention score that Python wrote becomes ten thousand times larger than it is, among others that are right. \num,
# a column S without a format, and table-format=1.3e-1 print it. siunitx' issue 865 has it with another option.
set -eu
for needed in pdflatex:texlive-science:2022 pdftotext:poppler-utils:22.12; do
    name=${needed%%:*} rest=${needed#*:}
    version=$(dpkg-query -W -f '${Version}' "${rest%:*}" 2> /dev/null || true)
    case "$version" in "${rest#*:}"*) command -v "$name" > /dev/null ;; *) echo "needs $name of Debian 12"; exit 1 ;; esac
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > paper.tex <<'TEX'
\documentclass{article}
\usepackage{siunitx}
\pagestyle{empty}
\newcommand{\rows}{& 1.2e-4 \\ & 3.1e-05 \\ & 0.912 \\}
\newcommand{\one}[2]{#1:\par\begin{tabular}{l S[#2]}\rows\end{tabular}\par}
\begin{document}
\one{format}{table-format=1.3}
\one{rounded}{table-format=1.2,round-mode=places,round-precision=2}
\one{exponent}{table-format=1.3e-1}
\one{free}{}
num:\par\num{1.2e-4}\par\num{3.1e-05}
\end{document}
TEX
pdflatex -interaction=nonstopmode paper.tex > /dev/null
grep "^Package: siunitx " paper.log
if grep -qE "Warning:|Overfull" paper.log; then echo "mended: warned"; exit 1; fi
pdftotext -layout paper.pdf - | sed 's/  */ /g; s/^ //; /^$/d' | tee text
shown() { sed -n "/^$1:/,/^[a-z]*:/p" text | sed '1d; /:$/d' | tr '\n' ';'; }
test "$(shown format)" = "1.2;3.1;0.912;" || { echo "mended"; exit 1; }
test "$(shown rounded)" = "1.20;3.10;0.91;" || { echo "mended: rounded"; exit 1; }
for name in exponent free num; do
    test "$(shown "$name" | grep -o "10" | wc -l)" = 2 || { echo "not as expected: $name"; exit 1; }
done
