#!/bin/sh
# transformers 5.23.0: weights renamed with key_mapping are saved under their old names.
#
# Expected: a checkpoint whose names begin with "module." (DataParallel) is loaded with key_mapping={"^module\\.": ""}
# and saved, and the new folder loads without key_mapping.
# Seen: save_pretrained() writes the names with "module." again, and the new folder lacks all weights of the model. It
# needs save_original_format=False, which no message says.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForSequenceClassification

first, again, plain = (Path(tempfile.mkdtemp()) for _ in range(3))
config = BertConfig(vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
BertForSequenceClassification(config).save_pretrained(first)
weights = load_file(first / "model.safetensors")
save_file({f"module.{name}": weight for name, weight in weights.items()}, first / "model.safetensors", {"format": "pt"})
model = BertForSequenceClassification.from_pretrained(first, key_mapping={r"^module\.": ""})
model.save_pretrained(again)
model.save_pretrained(plain, save_original_format=False)
names = {folder: sorted(load_file(folder / "model.safetensors"))[-1] for folder in (again, plain)}
print(f"saved as {names[again]}; with save_original_format=False as {names[plain]}")
assert not names[plain].startswith("module.")
assert names[again].startswith("module."), "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
