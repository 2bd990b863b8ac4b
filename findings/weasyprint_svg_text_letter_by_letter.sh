#!/bin/sh
# weasyprint 70.0, a word of Arabic in an SVG: its letters are set one by one, from left to right, and do not join.
#
# Expected: the word is set as the same word in a paragraph is: from right to left, in joined forms (SVG 2, 11.2: text is
# laid out by the bidirectional algorithm and shaped as a whole; only letters with a place of their own are apart).
# Seen: WeasyPrint lays out every character of a <text> by itself, whether it has a place of its own or not. The letters
# stand in the order in which they are stored, so the word is reversed, each in its isolated form. Nothing warns. Latin is
# readable, without kerning and ligatures; a drawing with 800 letters takes 800 layouts.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "weasyprint==70.0" "pydyf==0.13.0"
cat > "$folder/try.py" <<'PY'
import re

from weasyprint import HTML

WORD = "\u0633\u0644\u0627\u0645"  # salam: four letters, of which lam and alef are one glyph when they are joined
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><text x="9" y="30" font-size="20">%s</text></svg>'


def drawn(body):
    """How often letters are shown, and the glyphs, in the order in which they are drawn."""
    page = HTML(string="<!doctype html><style>p,svg{font-family:'DejaVu Sans'}</style>" + body)
    shown = re.findall(rb"\[([^\]]*)\] TJ", page.write_pdf(uncompressed_pdf=True))
    glyphs = b"".join(part for one in shown for part in re.findall(rb"<([0-9a-f]+)>", one))
    return len(shown), re.findall(rb"....", glyphs)


paragraph, svg = drawn(f"<p>{WORD}</p>"), drawn(SVG % WORD)
for name, (times, glyphs) in {"paragraph": paragraph, "SVG": svg}.items():
    print("%s: shown %d times, %d glyphs" % (name, times, len(glyphs)))
assert paragraph[0] == 1
assert svg[0] == len(WORD), "mended"
assert set(paragraph[1]) != set(svg[1]), "mended: the forms of the letters are the same"
assert drawn(SVG % "salam")[0] == 5, "mended for Latin"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
