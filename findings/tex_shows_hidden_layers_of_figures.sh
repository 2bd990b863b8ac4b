#!/bin/sh
# A layer that is hidden in a PDF figure is shown in the paper that includes it (pdfTeX, XeTeX, LuaTeX of TeX Live 2022;
# qpdf 11.3 too; pikepdf 10.18.0, pypdf 7.1.1: a page that is put into another file).
# Needs Debian 12: pdflatex, xelatex, lualatex (texlive-xetex, texlive-luatex), qpdf, pdftoppm (poppler-utils).
#
# Expected: \includegraphics shows the figure as every reader of PDF shows it: what its layers (optional content, PDF
# 1.7, 8.11) hide stays hidden, or a warning says that layers are not supported.
# Seen: the page keeps its marks of layers, but the list that says which are off stays behind in the figure's file. So all
# are on: author's notes, the second variant of a plot, a hidden legend are in the paper. No engine warns.
set -eu
for needed in pdflatex:texlive-latex-base:2022 xelatex:texlive-xetex:2022 lualatex:texlive-luatex:2022 qpdf:qpdf:11.3 \
    pdftoppm:poppler-utils:22.12; do
    name=${needed%%:*} rest=${needed#*:}
    version=$(dpkg-query -W -f '${Version}' "${rest%:*}" 2> /dev/null || true)
    case "$version" in "${rest#*:}"*) command -v "$name" > /dev/null ;; *) echo "needs $name of Debian 12"; exit 1 ;; esac
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "pikepdf==10.18.0" "pypdf==7.1.1" "pillow==13.0.0"
cat > "$folder/try.py" <<'PY'
import os
import subprocess
import sys

import pikepdf
import pypdf
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image

os.chdir(sys.argv[1])
empty, made = Pdf.new(), Pdf.new()
empty.add_blank_page(page_size=(200, 60))
empty.save("empty.pdf")
page = made.add_blank_page(page_size=(200, 60))
layer = made.make_indirect(Dictionary(Type=Name.OCG, Name="notes"))
page.Resources = Dictionary(Properties=Dictionary(L=layer))
page.Contents = made.make_stream(b"0 0 1 rg 10 35 80 20 re f /OC /L BDC 1 0 0 rg 10 5 80 20 re f EMC")
made.Root.OCProperties = Dictionary(OCGs=Array([layer]), D=Dictionary(OFF=Array([layer]), Order=Array([layer])))
made.save("figure.pdf")


def shown(path):
    """Whether the visible part (blue) and the hidden layer (red) are on the pages."""
    subprocess.run(["pdftoppm", "-r", "72", "-png", path, "page"], check=True)
    colours = set()
    for name in [name for name in os.listdir() if name.endswith(".png")]:
        colours |= {colour for _, colour in Image.open(name).convert("RGB").getcolors(10**6)}
        os.remove(name)
    return (0, 0, 255) in colours, (255, 0, 0) in colours


print("the figure:", shown("figure.pdf"))
assert shown("figure.pdf") == (True, False)
source = r"\documentclass{article}\usepackage{graphicx}\begin{document}\includegraphics{figure.pdf}\end{document}"
open("paper.tex", "w").write(source)
for engine in ("pdflatex", "xelatex", "lualatex"):
    done = subprocess.run([engine, "-interaction=nonstopmode", "paper.tex"], capture_output=True, text=True, check=True)
    warned = [line for line in done.stdout.splitlines() if "arning" in line]
    print(f"{engine}: {shown('paper.pdf')}, warnings: {warned}")
    assert shown("paper.pdf") == (True, True), f"mended: {engine}"
    assert not warned
subprocess.run(["qpdf", "--empty", "--pages", "empty.pdf", "figure.pdf", "--", "qpdf.pdf"], check=True)
with pikepdf.open("empty.pdf") as file, pikepdf.open("figure.pdf") as other:
    file.pages.extend(other.pages)
    file.save("pikepdf.pdf")
writer = pypdf.PdfWriter()
writer.append("empty.pdf")
writer.append("figure.pdf")
writer.write("pypdf.pdf")
for name in ("qpdf", "pikepdf", "pypdf"):
    print(f"{name}: {shown(f'{name}.pdf')}")
    assert shown(f"{name}.pdf") == (True, True), f"mended: {name}"
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
