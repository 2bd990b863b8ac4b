#!/bin/sh
# transformers 5.23.0, BigBird with block-sparse attention: when it predicts, its random blocks are the first block, again.
#
# Expected: each query attends to num_random_blocks random blocks (BigBirdConfig), as in training; or in eval mode, where
# nothing is drawn, to none.
# Seen: in eval mode the list of random blocks is all zeros, and zero is the number of a block: the first, which every query
# attends to already. Its keys are in the softmax num_random_blocks + 1 times, so [CLS] and the first words weigh four times
# what their scores say (3 random blocks, the default), and nothing outside window, first and last block is read. A model is
# trained with one attention and tested with another. The blocks of training are never used.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import torch
from transformers import BigBirdConfig, BigBirdModel

LENGTH, BLOCK, ROW = 96, 4, 10  # a row of blocks in the middle
torch.manual_seed(0)
model = BigBirdModel(BigBirdConfig(
    vocab_size=90, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, block_size=BLOCK,
    num_random_blocks=3, max_position_embeddings=LENGTH, initializer_range=0.5, attention_probs_dropout_prob=0.0,
    hidden_dropout_prob=0.0,
)).eval()
ids = torch.randint(5, 90, (1, LENGTH))
layer = model.encoder.layer[0].attention.self
blocks = torch.arange(LENGTH) // BLOCK
rows = blocks == ROW


def read(given):
    with torch.no_grad():
        return model(input_ids=given).last_hidden_state[0, rows]


def seen():
    """The blocks of which a change reaches the row."""
    changed = [torch.where(blocks == block, 5 + (ids + 7) % 85, ids) for block in range(LENGTH // BLOCK)]
    return [block for block, given in enumerate(changed) if (read(given) - read(ids)).abs().max() > 1e-5]


reached = {"eval": seen(), "train": (model.train(), seen())[1]}
model.eval()
kept = {}
layer.register_forward_hook(lambda module, given, output: kept.update(output=output[0][0]))
read(ids)
with torch.no_grad():
    states = model.embeddings(input_ids=ids)
    parts = (layer.query, layer.key, layer.value)
    query, key, value = (part(states)[0].view(LENGTH, 2, 8).transpose(0, 1) for part in parts)
    scores = (query @ key.transpose(1, 2) / 8**0.5)[:, rows].exp()
    for times in (1, 4):
        counted = sum((blocks == block).float() for block in (ROW - 1, ROW, ROW + 1, LENGTH // BLOCK - 1))
        counted += times * (blocks == 0)
        weights = scores * counted / (scores * counted).sum(-1, keepdim=True)
        own = (weights @ value).transpose(0, 1).reshape(BLOCK, 16)
        kept[times] = float((own - kept["output"][rows]).abs().max())
        print(f"first block counted {times} times: {kept[times]:.1e} from the layer's output")
print(f"blocks that row {ROW} reads: {reached}")
assert len(reached["train"]) > 5
assert reached["eval"] == [0, 9, 10, 11, 23], "mended"
assert kept[4] < 1e-4 < 1e-1 < kept[1], "mended: the first block"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
