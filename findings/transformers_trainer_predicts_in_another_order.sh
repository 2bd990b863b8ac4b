#!/bin/sh
# transformers 5.23.0, Trainer with train_sampling_strategy="group_by_length": predict() returns its rows in another order
# than the dataset has.
#
# Expected: row i of trainer.predict(dataset).predictions is the prediction for dataset[i]; the option is named and
# documented as the sampling of training.
# Seen: prediction groups documents by length too, with a shuffle, and nothing puts the rows back. Metrics are right, since
# label_ids move along; a test set without labels, a list of false positives, or predictions written beside their texts are
# wrong. PredictionOutput holds no order, and nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" \
    "accelerate==1.15.0" "datasets==5.2.0"
cat > "$folder/try.py" <<'PY'
import sys

import numpy as np
import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

torch.manual_seed(0)
model = BertForSequenceClassification(BertConfig(
    vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_labels=8,
    initializer_range=0.3,
)).eval()
documents = [list(range(3 + length, 3 + 2 * length)) for length in (5, 20, 9, 2, 14, 22, 7, 11)]
dataset = Dataset.from_dict({"input_ids": documents, "labels": list(range(8))})
with torch.no_grad():
    alone = np.concatenate([model(input_ids=torch.tensor([document])).logits.numpy() for document in documents])


def together(rows):
    longest = max(len(row["input_ids"]) for row in rows)
    padded = [row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in rows]
    ids = torch.tensor(padded)
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


order = {}
for strategy in ("random", "sequential", "group_by_length"):
    settings = TrainingArguments(sys.argv[1], train_sampling_strategy=strategy, per_device_eval_batch_size=2,
                                 report_to=[], use_cpu=True, disable_tqdm=True)
    predicted = Trainer(model, settings, data_collator=together).predict(dataset).predictions
    order[strategy] = [int(np.abs(alone - row).max(1).argmin()) for row in predicted]
    print(f"{strategy}: row i of the predictions belongs to row {order[strategy]} of the dataset")
assert order["random"] == order["sequential"] == list(range(8))
assert sorted(order["group_by_length"]) == list(range(8))
assert order["group_by_length"] != list(range(8)), "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/out" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
