#!/bin/sh
# peft 0.21.2 with transformers 5.23.0, a classifier with a Lily adapter: what is predicted for a document depends on the
# documents beside it, and on the padding.
#
# Expected: a document gives the same logits alone, beside another one, and padded, as with LoRA.
# Seen: the router weighs the shared experts by the mean over all tokens of the batch, of every document, with the padding.
# The documentation speaks of each forward pass, not of each batch. Accuracy depends on batch size and order, and a
# perturbation test that reads variants of a text together reads each otherwise than alone. Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" \
    "peft==0.21.2"
cat > "$folder/try.py" <<'PY'
import torch
from peft import LilyConfig, LoraConfig, get_peft_model
from transformers import BertConfig, BertForSequenceClassification

document, padding = torch.arange(3, 15)[None], torch.zeros(1, 12, dtype=torch.long)
first, second = torch.arange(20, 32)[None], torch.arange(49, 37, -1)[None]
change = {}
for settings in (LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"]),
                 LilyConfig(task_type="SEQ_CLS", target_modules=["query", "value"], r=8, num_B=4)):
    torch.manual_seed(0)
    model = get_peft_model(BertForSequenceClassification(BertConfig(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        initializer_range=0.3,
    )), settings).eval()
    for name, weight in model.named_parameters():
        if weight.requires_grad and "classifier" not in name:
            weight.data += 0.3 * torch.randn_like(weight)  # as after some training

    def says(ids):
        with torch.no_grad():
            return model(input_ids=ids, attention_mask=(ids != 0).long()).logits[0]

    kind = type(settings).__name__
    alone = says(document)
    change[kind] = [float((says(ids) - alone).abs().max()) for ids in (
        torch.cat([document, first]), torch.cat([document, second]), torch.cat([document, padding], dim=1),
    )]
    print("%s: beside one document %.1e from alone, beside another %.1e, padded %.1e" % (kind, *change[kind]))
assert max(change["LoraConfig"]) < 1e-5
assert min(change["LilyConfig"]) > 1e-3, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
