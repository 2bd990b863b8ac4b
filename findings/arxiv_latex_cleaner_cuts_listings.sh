#!/bin/sh
# arxiv_latex_cleaner 1.0.11: code in a listing loses what is after a percent sign, and nothing says so.
# Needs Debian 12: pdflatex with texlive-latex-recommended 2022 (listings), pdftotext.
#
# Expected: the paper on arXiv says what the author's own says; comments alone are taken out ("Simply removes all comments
# from your code (yes, those are visible on arXiv and you do not want them to be)"). In verbatim and lstlisting % is a
# character as any other.
# Seen: every line is cut at the first % without a backslash, in listings too. print("%d of %d" % (n, N)) becomes print("%,
# a rate of "50% of words" becomes "50%", and a line that begins with %timeit or %%bash is gone. The paper compiles without
# an error or a warning. Percent signs in \url stay.
set -eu
for needed in pdflatex:texlive-latex-recommended:2022 pdftotext:poppler-utils:22.12; do
    name=${needed%%:*} rest=${needed#*:}
    version=$(dpkg-query -W -f '${Version}' "${rest%:*}" 2> /dev/null || true)
    case "$version" in "${rest#*:}"*) command -v "$name" > /dev/null ;; *) echo "needs $name of Debian 12"; exit 1 ;; esac
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "arxiv-latex-cleaner==1.0.11" 2> "$folder/said" ||
    { cat "$folder/said"; exit 1; }
mkdir "$folder/paper"
cat > "$folder/paper/paper.tex" <<'TEX'
\documentclass{article}
\usepackage{listings}
\begin{document}
\begin{lstlisting}
%timeit attend(model, text)
share = 100 * removed / words
print("removed %d of %d words" % (removed, words))
print(accuracy)
\end{lstlisting}
\begin{verbatim}
margin lost at 50% of the words: 3.03
\end{verbatim}
\end{document}
TEX
"$folder/venv/bin/arxiv_latex_cleaner" "$folder/paper" > "$folder/said" 2>&1
echo "said by the cleaner: $(cat "$folder/said")"
for one in paper paper_arXiv; do
    cd "$folder/$one"
    pdflatex -interaction=nonstopmode paper.tex > said
    echo "== $one, warnings: $(grep -ci warning said || true)"
    pdftotext -layout paper.pdf - | grep '[a-z]' | tee text
done
cd "$folder"
grep -q "at 50% of the words: 3.03" paper/text
grep -q "timeit" paper/text
if grep -qE "3\.03|timeit|d of" paper_arXiv/text; then echo "mended"; exit 1; fi
grep -q 'at 50%$' paper_arXiv/text
