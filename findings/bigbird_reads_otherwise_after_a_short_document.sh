#!/bin/sh
# transformers 5.23.0, BigBird with block-sparse attention: after one short document, all long ones are read otherwise.
#
# Expected: a model in eval mode says the same of the same document, whatever it has read in between.
# Seen: a document of at most (5 + 2 * num_random_blocks) * block_size tokens (704 with the defaults) turns the model to full
# attention, and nothing turns it back. The first pass warns of "Changing attention type", not that it is for good. The
# accuracy of a test set depends on where its first short document stands, and save_pretrained() of the same model reads in
# blocks again: config.attention_type stays "block_sparse". base_model.set_attention_type("block_sparse") mends it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import BigBirdConfig, BigBirdForSequenceClassification

torch.manual_seed(0)
model = BigBirdForSequenceClassification(BigBirdConfig(
    vocab_size=90, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, block_size=4,
    num_random_blocks=3, max_position_embeddings=96, initializer_range=0.5,
)).eval()
long, short = torch.randint(5, 90, (1, 96)), torch.randint(5, 90, (1, 20))


def says(document):
    with torch.no_grad():
        return model(input_ids=document).logits[0]


first = says(long)
again = float((says(long) - first).abs().max())
says(short)
after = float((says(long) - first).abs().max())
kept = model.config.attention_type
model.base_model.set_attention_type("block_sparse")
mended = float((says(long) - first).abs().max())
print(f"a long document again: {again:.1e} apart; after a short one: {after:.1e}, config {kept}; reset: {mended:.1e}")
assert again == mended == 0 and kept == "block_sparse"
assert after > 1e-2, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
