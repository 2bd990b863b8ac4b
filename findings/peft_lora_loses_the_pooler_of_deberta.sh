#!/bin/sh
# peft 0.21.2 with transformers 5.23.0, LoRA for sequence classification on DeBERTa-v3: read again, it answers otherwise.
#
# Expected: the adapter holds all of the head that the model did not have, or PEFT warns that a part of it is not saved.
# Seen: with task_type SEQ_CLS, PEFT trains and saves the modules whose names end in classifier or score. The head of
# DeBERTa has a pooler in front, that of XLNet is called sequence_summary and logits_proj, and base models hold none of
# them: they are drawn at random, frozen, and not in the adapter. Whoever reads it draws others, and gets other
# predictions each time. PEFT says nothing; the load report of transformers names them beside the classifier, which the
# adapter does have. RoBERTa, whose head is one module, answers as before. modules_to_save=["pooler"] mends it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" "peft==0.21.2"
cat > "$folder/try.py" <<'PY'
import tempfile

import torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, get_peft_model
from transformers import (
    AutoModelForSequenceClassification, DebertaV2Config, DebertaV2Model, RobertaConfig, RobertaModel, XLNetConfig,
    XLNetModel,
)

WORDS = {"vocab_size": 50, "pad_token_id": 0, "initializer_range": 0.3}
SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, **WORDS}
ids = torch.arange(3, 11)[None]


def apart(base, target, **more):
    """How far the logits of the adapter, read again, are from those before it was saved."""
    with tempfile.TemporaryDirectory() as folder:
        base.save_pretrained(f"{folder}/base")
        torch.manual_seed(1)
        model = AutoModelForSequenceClassification.from_pretrained(f"{folder}/base")
        model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=2, target_modules=[target], **more)).eval()
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data.normal_(std=0.3)  # as training would
        model.save_pretrained(f"{folder}/adapter")
        torch.manual_seed(2)
        again = AutoPeftModelForSequenceClassification.from_pretrained(f"{folder}/adapter").eval()
        with torch.no_grad():
            change = float((model(input_ids=ids).logits - again(input_ids=ids).logits).abs().max())
    print(f"{base.config.model_type}, {more or 'as it is'}: logits {change:.1e} apart")
    return change


def deberta():
    return DebertaV2Model(DebertaV2Config(**SIZES))


assert apart(RobertaModel(RobertaConfig(**SIZES)), "query") < 1e-5
assert apart(deberta(), "query_proj", modules_to_save=["pooler"]) < 1e-5
assert apart(deberta(), "query_proj") > 0.01, "mended"
xlnet = XLNetModel(XLNetConfig(d_model=16, d_inner=16, n_layer=2, n_head=2, **WORDS))
assert apart(xlnet, "layer_1") > 0.01, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
