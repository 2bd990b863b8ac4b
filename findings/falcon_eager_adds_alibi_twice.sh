#!/bin/sh
# transformers 5.23.0, Falcon with ALiBi: eager attention is another model than the default one.
#
# Expected: attn_implementation="eager" and the default (sdpa) give the same logits but for rounding.
# Seen: they differ by far more, without padding and with one document. The mask of eager attention already holds the
# bias of ALiBi, and the layer adds it again.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import FalconConfig, FalconForSequenceClassification

ids = torch.arange(1, 9)[None]
found = {}
for alibi in (True, False):
    for implementation in ("sdpa", "eager"):
        torch.manual_seed(0)
        config = FalconConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                              ffn_hidden_size=16, alibi=alibi, pad_token_id=0, initializer_range=0.3)
        config._attn_implementation = implementation
        model = FalconForSequenceClassification(config).eval()
        with torch.no_grad():
            found[alibi, implementation] = model(input_ids=ids).logits
change = {alibi: float((found[alibi, "sdpa"] - found[alibi, "eager"]).abs().max()) for alibi in (True, False)}
print(f"logits of sdpa and eager differ by {change[True]:.1e} with ALiBi, by {change[False]:.1e} without")
assert change[False] < 1e-5
assert change[True] > 1e-3, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
