#!/bin/sh
# transformers 5.23.0, byte-level tokenizers (RoBERTa, Longformer, GPT-2, ModernBERT) given a list of words: the words are
# read as one, without the spaces between them.
#
# Expected: "When used with is_split_into_words=True, this tokenizer needs to be instantiated with add_prefix_space=True"
# (docstring), which version 4 checked; and with it, each word has its space.
# Seen: without it nothing is said now, and ["the", "model"] gets the tokens of "themodel": other tokens, other predictions
# for every annotated corpus that comes in words, and word_ids() looks right. A tokenizer of no class of its own, as of
# ModernBERT, takes add_prefix_space=True, says that it is True, and glues the words all the same.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
import json
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast, RobertaTokenizer

WORDS = ["the", "model", "reads"]
own = Tokenizer(models.BPE(unk_token="<unk>"))
own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
own.decoder = decoders.ByteLevel()
own.train_from_iterator(["the model reads the paper and the model reads"] * 9, trainers.BpeTrainer(
    vocab_size=350, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
))
learned = json.loads(own.to_str())["model"]
RobertaTokenizer(vocab=learned["vocab"], merges=[tuple(pair) for pair in learned["merges"]]).save_pretrained(
    f"{sys.argv[1]}/roberta")
PreTrainedTokenizerFast(tokenizer_object=own, unk_token="<unk>", pad_token="<pad>").save_pretrained(f"{sys.argv[1]}/own")


def read(name, **choice):
    tokenizer = AutoTokenizer.from_pretrained(f"{sys.argv[1]}/{name}", **choice)
    as_list = tokenizer(WORDS, is_split_into_words=True, add_special_tokens=False)
    said = tokenizer.decode(as_list["input_ids"])
    print(f"{type(tokenizer).__name__}, {choice or 'default'}: {as_list.tokens()}, decoded {said!r}, word_ids "
          f"{as_list.word_ids()}, add_prefix_space is {tokenizer.add_prefix_space}")
    return said.strip()


assert read("roberta", add_prefix_space=True) == "the model reads"
assert read("roberta") == "themodelreads", "mended"
assert read("own", add_prefix_space=True) == "themodelreads", "mended: add_prefix_space"
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
