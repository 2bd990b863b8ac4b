#!/bin/sh
# captum 0.9.0 with transformers 5.23.0, ModernBERT: gradient times input is 0 for every token of every document.
#
# Expected: InputXGradient on the embeddings tells tokens that matter from others, as integrated gradients do.
# Seen: scores below 1e-4; drawn as a heatmap they look like any other. The model normalises each embedding before
# anything is added to it. But for the epsilon of LayerNorm its logits do not depend on the length of an embedding, so the
# gradient is orthogonal to it. Nothing warns. In BERT, where positions are added first, the scores are not 0.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" \
    "captum==0.9.0"
cat > "$folder/try.py" <<'PY'
import torch
from captum.attr import InputXGradient, IntegratedGradients
from transformers import BertConfig, BertForSequenceClassification, ModernBertConfig, ModernBertForSequenceClassification

SIZES = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
         "num_attention_heads": 2, "pad_token_id": 0}
MODERN = {"bos_token_id": 1, "cls_token_id": 1, "eos_token_id": 2, "sep_token_id": 2, "initializer_range": 0.3}
largest = {}
for model in (
    ModernBertForSequenceClassification(ModernBertConfig(**SIZES, **MODERN)),
    BertForSequenceClassification(BertConfig(**SIZES, initializer_range=0.3)),
):
    model.eval()
    embeddings = model.get_input_embeddings()(torch.arange(1, 21)[None]).detach().requires_grad_()
    logit = lambda given: model(inputs_embeds=given, attention_mask=torch.ones(given.shape[:2])).logits[:, 0]
    by_token = InputXGradient(logit).attribute(embeddings).sum(-1).abs().max().detach()
    integrated = IntegratedGradients(logit).attribute(embeddings).sum(-1).abs().max()
    largest[model.config.model_type] = float(by_token), float(integrated.detach())
    print(model.config.model_type, "gradient x input at most %.1e, integrated gradients %.1e" % largest[model.config.model_type])
assert largest["modernbert"][0] < 1e-4 < 1e-2 < largest["modernbert"][1], "mended"
assert largest["bert"][0] > 1e-2
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
