#!/bin/sh
# sentence-transformers 6.2.0, a prompt that ends in a space, and pooling without the prompt: the first word of the text is
# left out too.
#
# Expected: with include_prompt=False ("whether the prompt tokens are included in the pooling") the mean is taken over the
# tokens of the text, all of them.
# Seen: the length of the prompt is the number of tokens of the prompt alone. "query: " alone ends in a token for the
# space; in front of a text the space belongs to the first word (byte-level BPE: RoBERTa, ModernBERT, Qwen, Llama). So as
# many tokens are left out as the prompt has alone, and the last of them is the first word of the text. Of a text of one
# word nothing is left but </s>. With "query:" all words are pooled. Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" \
    "sentence-transformers==6.2.0"
cat > "$folder/try.py" <<'PY'
import sys

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

own = Tokenizer(models.BPE(unk_token="<unk>"))
own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
own.decoder = decoders.ByteLevel()
own.train_from_iterator(["query: the model reads the paper and the method is fine "] * 9, trainers.BpeTrainer(
    vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
))
own.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=own, cls_token="<s>", pad_token="<pad>", sep_token="</s>", unk_token="<unk>",
    model_input_names=["input_ids", "attention_mask"], model_max_length=60,
)
torch.manual_seed(0)
tokenizer.save_pretrained(sys.argv[1])
RobertaModel(RobertaConfig(
    vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
    max_position_embeddings=64, pad_token_id=1, initializer_range=0.5,
)).save_pretrained(sys.argv[1])
reader = Transformer(sys.argv[1])
model = SentenceTransformer(modules=[reader, Pooling(16, pooling_mode="mean", include_prompt=False)])


def pooled(prompt, text):
    """The tokens over which the mean is taken: those whose mean is the embedding."""
    embedding = torch.tensor(model.encode([text], prompt=prompt)[0])
    read = tokenizer(prompt + text, return_tensors="pt")
    with torch.no_grad():
        states = reader.model(**read).last_hidden_state[0]
    tokens = tokenizer.convert_ids_to_tokens(read["input_ids"][0])
    first, = (k for k in range(len(tokens)) if (states[k:].mean(0) - embedding).abs().max() < 1e-5)
    said = tokenizer.convert_tokens_to_string(tokens[first:])
    print(f"prompt {prompt!r}, text {text!r}: pooled {said!r}")
    return said


assert pooled("query:", " the model is fine") == " the model is fine</s>"
assert pooled("query: ", "the model is fine") == " model is fine</s>", "mended"
assert pooled("query: ", "fine") == "</s>", "mended: one word"
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
