#!/bin/sh
# transformers 5.23.0, a classifier with LongRoPE (Phi-3 of 128,000 tokens): a document alone and the same document beside
# a longer one get different predictions.
#
# Expected: padding that the attention mask hides leaves the logits as they are, as in other decoders.
# Seen: whether positions are rotated by the factors for short or for long texts follows from the longest document of the
# batch. A document shorter than original_max_position_embeddings is read with the long factors as soon as a longer one
# is in its batch. Accuracy over a test set depends on the batch size and on the order of the rows. Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import Phi3Config, Phi3ForSequenceClassification

SIZES = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.3}
LONG = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [8.0] * 4,
        "original_max_position_embeddings": 12}
short, padding = torch.arange(3, 12)[None], torch.zeros(1, 11, dtype=torch.long)
change = {}
for name, rotations in (("default", {"rope_type": "default", "rope_theta": 1e4}), ("longrope", LONG)):
    torch.manual_seed(0)
    config = Phi3Config(**SIZES, max_position_embeddings=64, original_max_position_embeddings=12,
                        rope_parameters=rotations)
    model = Phi3ForSequenceClassification(config).eval()
    batch = torch.cat([torch.cat([short, padding], dim=1), torch.arange(20, 40)[None]])
    with torch.no_grad():
        alone = model(input_ids=short).logits[0]
        beside = model(input_ids=batch, attention_mask=(batch != 0).long()).logits[0]
    change[name] = float((alone - beside).abs().max())
    print(f"{name}: logits {change[name]:.1e} apart")
assert change["default"] < 1e-4
assert change["longrope"] > 1e-2, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
