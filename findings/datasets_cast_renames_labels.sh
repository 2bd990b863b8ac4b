#!/bin/sh
# datasets 5.2.0: a column of class labels cast to the same names in another order says the opposite.
#
# Expected: cast_column() keeps what each row says, by its name, as it does from strings, or refuses.
# Seen: the integers stay and the names change places, so every "neg" is "pos" and the other way round; no warning.
# Cast to strings the names are lost: "0" and "1". concatenate_datasets() refuses the same two types, and asks for such a
# cast. align_labels_with_mapping() keeps the names.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "datasets==5.2.0"
cat > "$folder/try.py" <<'PY'
from datasets import ClassLabel, Dataset, Features, Value, concatenate_datasets

names = ["neg", "pos"]
rows = Dataset.from_dict({"label": [0, 1, 1]}, features=Features({"label": ClassLabel(names=names)}))


def said(data):
    label = data.features["label"]
    return label.int2str(list(data["label"])) if isinstance(label, ClassLabel) else list(data["label"])


swapped = rows.cast_column("label", ClassLabel(names=names[::-1]))
written = rows.cast_column("label", Value("string"))
read = Dataset.from_dict({"label": said(rows)}).cast_column("label", ClassLabel(names=names[::-1]))
aligned = rows.align_labels_with_mapping({"pos": 0, "neg": 1}, "label")
for what, data in (("as they are", rows), ("cast", swapped), ("to strings", written), ("from strings", read),
                   ("aligned", aligned)):
    print(f"{what}: {said(data)}")
assert said(rows) == said(read) == said(aligned) == ["neg", "pos", "pos"]
assert said(swapped) == ["pos", "neg", "neg"], "mended"
assert said(written) == ["0", "1", "1"], "mended: strings"
try:
    concatenate_datasets([rows, read])
except ValueError as error:
    print(str(error)[:60])
else:
    raise AssertionError("mended: concatenated")
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
