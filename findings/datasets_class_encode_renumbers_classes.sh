#!/bin/sh
# datasets 5.2.0, class_encode_column() of integer labels: from eleven classes on, the classes get other numbers.
#
# Expected: labels 0 to 11 are class indices already, so the column gets a type and each row keeps its number.
# Seen: the numbers are made strings and sorted as such: "0", "1", "10", "11", "2". Rows of class 2 have the label 4 now, and
# those of class 10 the label 2. train_test_split(stratify_by_column=...) refuses integers and asks for this call, and a
# model that was trained on the numbers is then scored against the new ones. Up to ten classes nothing changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "datasets==5.2.0"
cat > "$folder/try.py" <<'PY'
from datasets import Dataset


def encoded(classes):
    return Dataset.from_dict({"label": list(range(classes)) * 4}).class_encode_column("label")


try:
    Dataset.from_dict({"label": [0, 1] * 4}).train_test_split(test_size=0.5, stratify_by_column="label")
except ValueError as error:
    print(error)
for classes in (10, 12):
    print(f"0 to {classes - 1}: {list(encoded(classes)['label'])[:classes]}")
assert list(encoded(10)["label"])[:10] == list(range(10))
twelve = list(encoded(12)["label"])[:12]
assert twelve != list(range(12)), "mended"
assert (twelve[2], twelve[10]) == (4, 2)
agreement = sum(old == new for old, new in enumerate(twelve)) / 12
print(f"a perfect classifier of 12 classes has an accuracy of {agreement:.2f} on the encoded labels")
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
