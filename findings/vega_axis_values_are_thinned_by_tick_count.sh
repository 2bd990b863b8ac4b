#!/bin/sh
# vl-convert-python 1.9.0.post1 (Vega-Lite 5.17 to 6.4): explicit values of an axis are thinned where a count of ticks is set.
#
# Expected: axis.values sets the ticks ("explicitly set the visible axis tick and label values"), and tickCount, a wish for
# axes that choose their own, does nothing beside it: [0, 1, 5, 10, 20, 50] with a tickCount of 3 has six ticks.
# Seen: 0, 5 and 20 alone. Every second value goes until about as many are left as the count asks for; the last one, the
# end of the data, is among them. labelOverlap: false changes nothing, nothing is said with show_warnings, and a tickCount
# in config.axis, meant for the other axis, does the same. Without a count all six are there.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "vl-convert-python==1.9.0.post1" 2> "$folder/said" \
    || { cat "$folder/said"; exit 1; }
cat > "$folder/try.py" <<'PY'
import re

import vl_convert

VALUES = [0, 1, 5, 10, 20, 50]


def shown(version, config, **axis):
    x = {"field": "x", "type": "quantitative", "title": None,
         "axis": {"values": VALUES, "labelOverlap": False, **axis}}
    y = {"field": "x", "type": "quantitative", "axis": None}
    chart = {"width": 600, "data": {"values": [{"x": x} for x in VALUES]}, "mark": "point", "encoding": {"x": x, "y": y},
             "config": config}
    svg = vl_convert.vegalite_to_svg(chart, vl_version=version, show_warnings=True)
    return [int(text) for text in re.findall(r"<text[^>]*>([^<]+)</text>", svg)]


for version in ("5.17", "6.4"):
    alone, own, global_ = shown(version, {}), shown(version, {}, tickCount=3), shown(version, {"axis": {"tickCount": 3}})
    print(f"Vega-Lite {version}: {alone} alone, {own} with a tickCount of 3, {global_} with one in config")
    assert alone == VALUES
    assert own == global_ == [0, 5, 20], "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
test ! -s "$folder/said" || { echo "mended: warned"; cat "$folder/said"; exit 1; }
