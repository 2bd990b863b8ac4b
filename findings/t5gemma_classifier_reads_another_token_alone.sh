#!/bin/sh
# transformers 5.23.0, T5Gemma with its decoder: a document alone and the same document in a batch are read at another
# place.
#
# Expected: padding that the attention mask hides changes no logits, as for Gemma and T5.
# Seen: the decoder reads the document one place further right, and the head looks one place further right for its last
# token. Where no padding follows there is no such place, so it takes the one before: the last token is never read.
# With one token of padding it is read, and the logits are others.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import T5GemmaConfig, T5GemmaForSequenceClassification

small = dict(vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
             num_key_value_heads=2, head_dim=8, initializer_range=0.3, pad_token_id=0, bos_token_id=1, eos_token_id=2)
torch.manual_seed(0)
model = T5GemmaForSequenceClassification(T5GemmaConfig(encoder=small, decoder=small, vocab_size=50, pad_token_id=0,
                                                       bos_token_id=1, eos_token_id=2)).eval()
alone = torch.arange(3, 11)[None]
padded = torch.cat([alone, torch.zeros(1, 1, dtype=torch.long)], dim=1)
with torch.no_grad():
    without = model(input_ids=alone, attention_mask=torch.ones_like(alone)).logits
    behind = model(input_ids=padded, attention_mask=(padded != 0).long()).logits
change = float((without - behind).abs().max())
print(f"one token of padding, hidden by the mask, changes the logits by {change:.2f}")
assert change > 0.01, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
