#!/bin/sh
# transformers 5.23.0, ESM: inputs_embeds is another input than the same tokens as input_ids.
#
# Expected: inputs_embeds replaces "the model's internal embedding lookup matrix" (docstring) and nothing else, so a model
# that is given its own embeddings of the tokens says what it says of the tokens, as in BERT.
# Seen: with inputs_embeds the whole embedding layer is left out. ESM-1b (position_embedding_type="absolute") reads without
# positions and first normalisation: the order of the amino acids does not matter. ESM-2 (rotary) reads embeddings that are
# not scaled by 0.88 (token_dropout). Integrated gradients through inputs_embeds explain a model that nobody uses. Nothing
# warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import BertConfig, BertForSequenceClassification, EsmConfig, EsmForSequenceClassification

SIZES = {"vocab_size": 33, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "pad_token_id": 1, "initializer_range": 0.3}
ESM = {"mask_token_id": 32, "token_dropout": True}
ids = torch.cat([torch.tensor([0]), torch.randint(4, 24, (12,), generator=torch.manual_seed(0)), torch.tensor([2])])[None]
turned = torch.cat([ids[:, :1], ids[:, 1:-1].flip(1), ids[:, -1:]], dim=1)  # the same, from back to front
apart, order = {}, {}
for name, build, config in (
    ("BERT", BertForSequenceClassification, BertConfig(**SIZES)),
    ("ESM-2", EsmForSequenceClassification, EsmConfig(**SIZES, **ESM, position_embedding_type="rotary")),
    ("ESM-1b", EsmForSequenceClassification,
     EsmConfig(**SIZES, **ESM, position_embedding_type="absolute", emb_layer_norm_before=True)),
):
    torch.manual_seed(0)
    model = build(config).eval()

    def says(given, by):
        inputs = {"input_ids": given} if by == "ids" else {"inputs_embeds": by * model.get_input_embeddings()(given)}
        with torch.no_grad():
            return model(**inputs, attention_mask=torch.ones_like(given)).logits[0]

    apart[name] = [float((says(ids, "ids") - says(ids, scale)).abs().max()) for scale in (1, 0.88)]
    order[name] = [float((says(ids, by) - says(turned, by)).abs().max()) for by in ("ids", 1)]
    print("%s: inputs_embeds %.1e from input_ids, %.1e if scaled by 0.88; back to front: input_ids %.1e, inputs_embeds %.1e"
          % (name, *apart[name], *order[name]))
assert apart["BERT"][0] < 1e-4
assert apart["ESM-2"][0] > 1e-3 and apart["ESM-2"][1] < 1e-4, "mended: the scale"
assert apart["ESM-1b"][0] > 1e-2, "mended: positions"
assert order["ESM-1b"][1] < 1e-4 < 1e-2 < order["ESM-1b"][0], "mended: the order of the tokens"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
