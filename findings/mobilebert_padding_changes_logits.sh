#!/bin/sh
# transformers 5.23.0, MobileBERT: padding that the attention mask hides changes the logits.
#
# Expected: a document gives the same logits alone and padded in a batch, as for BERT.
# Seen: the embeddings join each token with its neighbours (trigram_input), and the last token of a document takes the
# embedding of the padding behind it, where that row of the table is not zero; alone it takes zeros. The mask does not
# reach the embeddings.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import MobileBertConfig, MobileBertForSequenceClassification

ids = torch.arange(5, 13)[None]
padded = torch.cat([ids, torch.zeros(1, 4, dtype=torch.long)], dim=1)
change = {}
for trigrams in (True, False):
    torch.manual_seed(0)
    config = MobileBertConfig(vocab_size=50, hidden_size=16, embedding_size=16, intermediate_size=16, num_hidden_layers=2,
                              num_attention_heads=2, intra_bottleneck_size=16, true_hidden_size=16, hidden_act="gelu",
                              classifier_activation=False, trigram_input=trigrams, pad_token_id=0, initializer_range=0.3)
    model = MobileBertForSequenceClassification(config).eval()
    with torch.no_grad():
        model.mobilebert.embeddings.word_embeddings.weight[0] = 0.3  # a row that was loaded, and is not zero
        alone = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        behind = model(input_ids=padded, attention_mask=(padded != 0).long()).logits
    change[trigrams] = float((alone - behind).abs().max())
print(f"four tokens of padding change the logits by {change[True]:.1e} with trigrams, by {change[False]:.1e} without")
assert change[False] < 1e-4
assert change[True] > 1e-3, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
