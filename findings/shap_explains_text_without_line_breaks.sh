#!/bin/sh
# shap 0.51.0 with transformers 5.23.0: of a text of several paragraphs, another text is explained.
#
# Expected: base value and SHAP values of a text add up to the score that the pipeline gives for it ("efficiency").
# Seen: they add up to the score of the text whose line breaks are spaces: the masker joins what is left of a text with
# single spaces, also when nothing is left out. Byte-level tokenizers, as of RoBERTa and Longformer, have tokens for line
# breaks; models read another document. Nothing warns. Without line breaks the sum is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" \
    "shap==0.51.0"
cat > "$folder/try.py" <<'PY'
import shap
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    LongformerConfig, LongformerForSequenceClassification, PreTrainedTokenizerFast, TextClassificationPipeline,
)

MARKS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
letters = MARKS + sorted(pre_tokenizers.ByteLevel.alphabet())
splitter = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, [], unk_token="<unk>"))
splitter.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
splitter.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=splitter, cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>",
    mask_token="<mask>", model_input_names=["input_ids", "attention_mask"],
)
torch.manual_seed(0)
model = LongformerForSequenceClassification(LongformerConfig(
    vocab_size=len(letters), hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
    max_position_embeddings=66, attention_window=8, pad_token_id=1, bos_token_id=0, eos_token_id=2, sep_token_id=2,
    initializer_range=0.4,
)).eval()
scores = TextClassificationPipeline(model=model, tokenizer=tokenizer, top_k=None)


def own(text):
    """The pipeline's score of the first label."""
    return next(one["score"] for one in scores([text])[0] if one["label"] == "LABEL_0")


def explained(text):
    """What base value and SHAP values of the first label add up to."""
    found = shap.Explainer(scores, seed=0)([text])
    return float(found.base_values[0, 0] + found.values[0][:, 0].sum())


flat, broken = "one part two", "one part\n\ntwo"
print(f"without line breaks: the pipeline {own(flat):.4f}, SHAP {explained(flat):.4f}")
print(f"with line breaks:    the pipeline {own(broken):.4f}, SHAP {explained(broken):.4f}")
assert abs(own(flat) - explained(flat)) < 1e-5
assert abs(own(broken) - explained(broken)) > 1e-3, "mended"
assert abs(own(flat) - explained(broken)) < 1e-5, "another text"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
