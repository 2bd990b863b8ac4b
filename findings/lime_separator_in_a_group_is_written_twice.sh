#!/bin/sh
# lime 0.2.0.1, LimeTextExplainer with a split expression that has a group: the model is asked for other texts than parts of
# the one that is explained.
#
# Expected: split_expression is "used with re.split" (docstring), and the model is asked for the text with some of its words
# left out.
# Seen: re.split also returns what a group has matched, and all pieces are joined again: each separator stands twice, as in
# "right? ?The", in every question but the first. "." and "?" are words with a weight, beside the sentences, and what LIME
# fits is a model of another text: here it gives 0.69 where the model says 0.40, which it fits within 0.01 with (?:...).
# Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "lime==0.2.0.1" "numpy==2.4.6" "scikit-learn==1.9.1"
cat > "$folder/try.py" <<'PY'
import numpy as np
from lime.lime_text import LimeTextExplainer

TEXT = "It works. Is it right? The mean is fine. We agree."
asked = []


def model(texts):
    """The share of class 1: how many of ten signs a text has. Linear in its sentences."""
    asked[:] = texts
    share = np.array([sum(text.count(sign) for sign in ".?") / 10 for text in texts])
    return np.stack([1 - share, share], axis=1)


own = model([TEXT])[0, 1]
longest, off = {}, {}
for name, expression in (("no group", r"(?:\.|\?)\s+"), ("group", r"(\.|\?)\s+")):
    explained = LimeTextExplainer(split_expression=expression, random_state=0).explain_instance(TEXT, model, num_samples=300)
    longest[name] = max(asked[1:], key=len)
    off[name] = float(explained.local_pred[0] - own)
    print(f"{name}: asked for {longest[name]!r}; fitted {explained.local_pred[0]:.2f}, the model {own:.2f}; "
          f"words {sorted(str(word) for word, _ in explained.as_list())}")
assert len(longest["no group"]) < len(TEXT)
assert len(longest["group"]) > len(TEXT), "mended"
assert abs(off["no group"]) < 0.01
assert off["group"] > 0.2, "mended: the fit"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
