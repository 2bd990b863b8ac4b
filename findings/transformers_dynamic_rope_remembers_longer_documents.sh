#!/bin/sh
# transformers 5.23.0, a classifier with dynamic NTK scaling: the logits of a document depend on what was read before it.
#
# Expected: a model in eval mode says the same of the same document, whatever it has read in between.
# Seen: the rotations grow with the longest document so far, and shrink again only when a document is no longer than the
# training length. In between, every document is read with the rotations of the longest one before it. The order of a
# test set changes the predictions, and so does a worker more. Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

torch.manual_seed(0)
model = LlamaForSequenceClassification(LlamaConfig(
    vocab_size=90, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.3,
    max_position_embeddings=16, rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 8.0},
)).eval()


def says(length):
    with torch.no_grad():
        return model(input_ids=torch.arange(3, 3 + length)[None]).logits[0]


first = says(20)
again = float((says(20) - first).abs().max())
says(80)
after = float((says(20) - first).abs().max())
says(8)
reset = float((says(20) - first).abs().max())
print(f"20 tokens again: {again:.1e}; after a document of 80: {after:.1e}; after one of 8: {reset:.1e}")
assert again == 0
assert after > 1e-2, "mended"
assert reset < 1e-5
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
