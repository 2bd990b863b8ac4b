#!/bin/sh
# transformers 5.23.0, Falcon without ALiBi: asking for its attention makes the model see the future.
#
# Expected: output_attentions=True returns the weights that the model uses; its logits stay as they are.
# Seen: with the default attention (sdpa) no mask is made, because sdpa masks by itself; the path that returns weights
# gets none either. Tokens attend to later ones, and the logits change. With attn_implementation="eager" all is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import FalconConfig, FalconForSequenceClassification

torch.manual_seed(0)
config = FalconConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_hidden_size=16,
                      alibi=False, pad_token_id=0, initializer_range=0.3)
model = FalconForSequenceClassification(config).eval()
ids = torch.arange(1, 9)[None]
with torch.no_grad():
    plain = model(input_ids=ids)
    asked = model(input_ids=ids, output_attentions=True)
future = max(float(weights.triu(1).max()) for weights in asked.attentions)
change = float((asked.logits - plain.logits).abs().max())
print(f"{config._attn_implementation}: largest weight on a later token {future:.3f}, logits differ by {change:.3f}")
assert config._attn_implementation == "sdpa"
assert future > 0.1 and change > 0.01, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
