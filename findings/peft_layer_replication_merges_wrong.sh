#!/bin/sh
# peft 0.21.2 with transformers 5.23.0, layer_replication: merging the adapter gives another model.
#
# Expected: merge_and_unload() keeps the logits but for rounding, or refuses.
# Seen: replicated layers share their weights and have a LoRA each. All of them are added to the shared weights, so every
# copy gets the sum of what was meant for one. No warning. Without layer_replication the logits stay.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" "peft==0.21.2"
cat > "$folder/try.py" <<'PY'
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForSequenceClassification

ids = torch.arange(3, 11)[None]
change = {}
for replication in ([[0, 2], [1, 2]], None):
    torch.manual_seed(0)
    base = LlamaForSequenceClassification(LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, pad_token_id=0, initializer_range=0.3))
    model = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["q_proj"],
                                            layer_replication=replication)).eval()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.3)
    with torch.no_grad():
        before = model(input_ids=ids).logits
        after = model.merge_and_unload()(input_ids=ids).logits
    change[replication is not None] = float((before - after).abs().max())
print(f"merging changes the logits by {change[True]:.1e} with replicated layers, by {change[False]:.1e} without")
assert change[False] < 1e-4
assert change[True] > 1e-2, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
