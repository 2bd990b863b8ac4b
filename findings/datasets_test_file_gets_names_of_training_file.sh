#!/bin/sh
# datasets 5.2.0, load_dataset("parquet") with a file for training and a file for the test: labels of the test file get the
# names of the training file.
#
# Expected: each file holds its class names, so a row keeps what it says; or the two are refused, as concatenate_datasets()
# refuses them.
# Seen: the names of the first file are used for all. A test set that lacks a class has other numbers (class_encode_column()
# numbers the classes that it finds), so its "world" is read as "sports". Each file alone is read right; to_parquet() of
# one dataset and load_dataset() of both are all it takes. Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "datasets==5.2.0"
cat > "$folder/try.py" <<'PY'
import os
import sys

from datasets import Dataset, concatenate_datasets, load_dataset

os.chdir(sys.argv[1])
LABELS = {"train": ["business", "sports", "world"], "test": ["world", "business", "world"]}
written = {}
for split, labels in LABELS.items():
    written[split] = Dataset.from_dict({"label": labels}).class_encode_column("label")
    written[split].to_parquet(f"{split}.parquet")


def said(data):
    return data.features["label"].int2str(list(data["label"]))


alone = said(load_dataset("parquet", data_files="test.parquet", cache_dir="alone", split="train"))
both = {split: f"{split}.parquet" for split in LABELS}
beside = said(load_dataset("parquet", data_files=both, cache_dir="both")["test"])
print(f"written {said(written['test'])}; read alone {alone}; read beside the training file {beside}")
assert said(written["test"]) == alone == LABELS["test"]
assert beside == ["sports", "business", "sports"], "mended"
try:
    concatenate_datasets(list(written.values()))
except ValueError as error:
    print(str(error)[:60])
else:
    raise AssertionError("mended: concatenated")
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
