#!/bin/sh
# vl-convert-python 1.9.0.post1, altair 6.3.0: in the PNG of a chart without a background, colours that let light through
# are too dark.
#
# Expected: PNG, SVG and PDF of a chart look the same. PNG holds "non-premultiplied" colours (W3C, PNG, 6.2): red with
# opacity 0.5 is (255, 0, 0, 128), and pink where it lies on white paper.
# Seen: the pixel is (128, 0, 0, 128), and every program that shows it takes the opacity off again: a dark, brownish pink.
# Bands, overlapping points, and heatmaps whose opacity is the score have other colours than in SVG and PDF, the paler the
# more: at opacity 0.1 red is grey. With a white background, the default, all is right. Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "vl-convert-python==1.9.0.post1" "altair==6.3.0" \
    "pandas==3.1.1" "pillow==13.0.0" "pypdfium2==5.15.2" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
cat > "$folder/try.py" <<'PY'
import io

import altair as alt
import pandas as pd
import pypdfium2
import vl_convert
from PIL import Image


def chart(opacity, background):
    made = alt.Chart(pd.DataFrame({"x": ["a"]}), width=100, height=100, padding=0, background=background)
    bar = made.mark_rect(color="red", opacity=opacity, width=100, height=100).encode(x=alt.X("x:O", axis=None))
    return bar.configure_view(stroke=None)


def on_white(image):
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image.convert("RGBA"))
    return paper.convert("RGB").getpixel((40, 50))


def colours(made):
    """The pixel in the PNG, and what is seen on white paper: of the PNG, of the PDF, of the SVG."""
    file = io.BytesIO()
    made.save(file, format="png")
    png = Image.open(file)
    page = pypdfium2.PdfDocument(vl_convert.vegalite_to_pdf(made.to_dict()))[0].render().to_pil()
    svg = vl_convert.vegalite_to_svg(made.to_dict()).replace(">", '><rect width="100%" height="100%" fill="white"/>', 1)
    drawn = Image.open(io.BytesIO(vl_convert.svg_to_png(svg)))
    return png.convert("RGBA").getpixel((40, 50)), on_white(png), on_white(page), on_white(drawn)


def near(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 2


for background in ("white", "transparent"):
    for opacity in (1, 0.5, 0.1):
        pixel, png, pdf, svg = colours(chart(opacity, background))
        print(f"{background}, opacity {opacity}: pixel {pixel}; on white PNG {png}, PDF {pdf}, SVG {svg}")
        wanted = (255, round(255 * (1 - opacity)), round(255 * (1 - opacity)))
        assert near(pdf, wanted) and near(svg, wanted)
        assert near(png, wanted) == (background == "white" or opacity == 1), "mended"
        if background == "transparent":
            assert near(pixel, (255 * opacity, 0, 0, 255 * opacity)), "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
