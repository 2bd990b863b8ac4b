#!/bin/sh
# transformers 5.23.0, SqueezeBERT: `attentions` are not attention weights.
#
# Expected: "Attentions weights after the attention softmax, used to compute the weighted average" (docstring of
# ModelOutput), so that every row is positive and sums to 1.
# Seen: the scores before the softmax, with negative numbers.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import SqueezeBertConfig, SqueezeBertForSequenceClassification

torch.manual_seed(0)
config = SqueezeBertConfig(vocab_size=50, hidden_size=16, embedding_size=16, intermediate_size=16, num_hidden_layers=2,
                           num_attention_heads=2, initializer_range=0.3)
model = SqueezeBertForSequenceClassification(config).eval()
with torch.no_grad():
    first = model(input_ids=torch.arange(1, 9)[None], output_attentions=True).attentions[0]
sums = first.sum(dim=-1)
print(f"smallest weight {float(first.min()):.2f}, rows sum to {float(sums.min()):.2f} .. {float(sums.max()):.2f}")
assert float(first.min()) < 0 and float((sums - 1).abs().max()) > 0.1, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
