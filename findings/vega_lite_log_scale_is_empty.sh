#!/bin/sh
# vl-convert-python 1.9.0.post1 (Vega-Lite 6.4; from 5.20 on), altair 6.3.0: bars on a logarithmic scale have no height.
#
# Expected: bars for 2, 10 and 100 with a scale of type "log" reach up to these values, as they do with Vega-Lite 5.17.
# Of a line with a single zero among its values, one point is missing.
# Seen: the bars begin at 0, which enters the domain of the scale; its logarithm makes every place the upper edge. All bars
# have height 0, the axis has no number. A zero in the data does the same to lines and points: all values lie on the upper
# edge, the large ones and the small ones. SVG, PDF and PNG are written without an error, and a warning is shown neither by
# altair nor by vl-convert with show_warnings. "stack": null draws bars as they were. Attention, losses and p have zeros.
# Vega-Lite's issue 9373 has the bars.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "vl-convert-python==1.9.0.post1" "altair==6.3.0" \
    "pandas==3.1.1" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
cat > "$folder/try.py" <<'PY'
import io
import re
import warnings

import altair as alt
import pandas as pd
import vl_convert

warnings.simplefilter("error")


def spec(mark, values, **y):
    data = [{"x": x, "y": value} for x, value in enumerate(values)]
    y = {"field": "y", "type": "quantitative", "scale": {"type": "log"}, "axis": {"labelOverlap": False}, **y}
    x = {"field": "x", "type": "ordinal", "axis": None}
    return {"height": 100, "data": {"values": data}, "mark": mark, "encoding": {"x": x, "y": y}}


def heights(svg):
    return [round(float(h)) for h in re.findall(r'roledescription="bar" d="M[\d.]+,[\d.]+h[\d.]+v([\d.]+)h', svg)]


def shown(svg):
    return [text for text in re.findall(r"<text[^>]*>([^<]+)</text>", svg) if text != "y"]


bars = spec("bar", [2, 10, 100])
for version, chart in (("5.17", bars), ("6.4", bars), ("6.4", spec("bar", [2, 10, 100], stack=None))):
    svg = vl_convert.vegalite_to_svg(chart, vl_version=version, show_warnings=True)
    print(f"Vega-Lite {version}, bars: heights {heights(svg)}, {len(shown(svg))} numbers at the axis")
    assert (heights(svg) == [0, 0, 0] and not shown(svg)) == (chart is bars and version == "6.4"), "mended"

data, file = pd.DataFrame({"x": ["a", "b", "c"], "y": [2, 10, 100]}), io.StringIO()
alt.Chart(data).mark_bar().encode(alt.X("x"), alt.Y("y").scale(type="log")).save(file, format="svg")
print(f"altair, bars: heights {heights(file.getvalue())}")
assert heights(file.getvalue()) == [0, 0, 0], "mended: altair"

for values in ([1, 10, 100], [1, 0, 100]):
    line = re.search(r'"line mark" d="([^"]*)"', vl_convert.vegalite_to_svg(spec("line", values)))[1]
    places = [round(float(y)) for y in re.findall(r",([\d.]+)", line)]
    print(f"a line through {values}: {places} from the upper edge")
    assert places == ([0, 0, 0] if 0 in values else [100, 50, 0]), "mended: lines"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
test ! -s "$folder/said" || { echo "mended: warned"; cat "$folder/said"; exit 1; }
