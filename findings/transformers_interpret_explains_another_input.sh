#!/bin/sh
# transformers-interpret 0.10.0 with transformers 5.23.0: the prediction that it explains is not the model's.
#
# Expected: pred_probs, beside the word attributions, is the probability that the model gives for the text.
# Seen: BERT is given its last [SEP] with token type 1; Longformer and XLM-RoBERTa count places from 0 instead of from
# pad_token_id + 1; and a number such as 3.14 is cut into "3 . 14" before any tokenizer sees it. Nothing warns. RoBERTa,
# which the library knows by name, agrees as long as no sign stands within a word.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" \
    "captum==0.9.0" "transformers-interpret==0.10.0"
cat > "$folder/try.py" <<'PY'
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig, BertForSequenceClassification, LongformerConfig, LongformerForSequenceClassification,
    PreTrainedTokenizerFast, RobertaConfig, RobertaForSequenceClassification,
)
from transformers_interpret import SequenceClassificationExplainer

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "the", "mean", "is", "one", "3.14", "3", ".", "14"]
splitter = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
splitter.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
splitter.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=splitter, cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>",
    model_input_names=["input_ids", "attention_mask"],
)
SIZES = {"vocab_size": len(WORDS), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
         "num_attention_heads": 2, "max_position_embeddings": 66, "pad_token_id": 1, "bos_token_id": 0,
         "eos_token_id": 2, "initializer_range": 0.5}
torch.manual_seed(0)
bert = BertForSequenceClassification(BertConfig(**SIZES)).eval()
longformer = LongformerForSequenceClassification(LongformerConfig(**SIZES, attention_window=4, sep_token_id=2)).eval()
roberta = RobertaForSequenceClassification(RobertaConfig(**SIZES)).eval()


def apart(model, text):
    """How far the library's probability is from the model's, and the tokens that the library shows."""
    explainer = SequenceClassificationExplainer(model, tokenizer)
    tokens = [token for token, _ in explainer(text, n_steps=2)]
    with torch.no_grad():
        own = model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0, explainer.selected_index]
    print(f"{model.config.model_type}, {text!r}: {explainer.pred_probs.item():.3f}, the model {own.item():.3f}, {tokens}")
    return abs(explainer.pred_probs.item() - own.item()), tokens


assert apart(roberta, "the mean is one")[0] < 1e-5
assert apart(bert, "the mean is one")[0] > 0.05, "mended: token types"
assert apart(longformer, "the mean is one")[0] > 0.05, "mended: positions"
assert apart(roberta, "the mean is 3.14")[1][4:7] == ["3", ".", "14"], "mended: the text"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
