#!/bin/sh
# captum 0.9.0 with transformers 5.23.0, LLMAttribution: from the second token of the answer on, the attributions are those
# of another text.
#
# Expected: Shapley values of an answer add up to its log probability after the prompt less that after the baseline, and
# use_cached_outputs, on by default, changes the time and nothing else.
# Seen: with the cache, the model gets the whole text again behind what the cache holds: captum leaves the cutting to
# prepare_inputs_for_generation(), which in version 5 cuts only if it is told next_sequence_length. The first token is right,
# the others come after "prompt prompt token". Sum, order and signs of seq_attr change, with every method that LLMAttribution
# takes. Nothing warns. use_cached_outputs=False, or forward_in_tokens=False, is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" \
    "captum==0.9.0"
cat > "$folder/try.py" <<'PY'
import torch
from captum.attr import LLMAttribution, ShapleyValues, TextTokenInput
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WORDS = ["<pad>", "<unk>", "the", "model", "reads", "a", "paper", "and", "likes", "it"]
PROMPT, ANSWER = "the model reads a paper", "and likes it"
splitter = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
splitter.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=splitter, pad_token="<pad>", unk_token="<unk>")
CHOICES = {"default": {}, "no cache": {"use_cached_outputs": False}, "at once": {"forward_in_tokens": False}}
SIZES = {"vocab_size": len(WORDS), "pad_token_id": 0, "bos_token_id": None, "eos_token_id": None, "initializer_range": 0.8}
answer = tokenizer(ANSWER)["input_ids"]


def says(model, prompt):
    """The log probability of each token of the answer after a prompt."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    return logits.log_softmax(-1)[range(len(answer)), answer]


torch.manual_seed(0)
for model in (
    LlamaForCausalLM(LlamaConfig(**SIZES, hidden_size=16, intermediate_size=16, num_hidden_layers=2,
                                 num_attention_heads=2, num_key_value_heads=2)),
    GPT2LMHeadModel(GPT2Config(**SIZES, n_embd=16, n_layer=2, n_head=2)),
):
    model.eval()
    prompt = tokenizer(PROMPT)["input_ids"]
    own = says(model, prompt) - says(model, [1] * len(prompt))
    method = LLMAttribution(ShapleyValues(model), tokenizer)
    given = TextTokenInput(PROMPT, tokenizer, baselines=1)
    off = {}
    for name, choice in CHOICES.items():
        result = method.attribute(given, target=ANSWER, **choice)
        off[name] = (result.token_attr.sum(1) - own).abs().tolist()
        print(f"{model.config.model_type}, {name}: sum {result.seq_attr.sum():+.2f}, the model {own.sum():+.2f}; "
              f"by token of the answer {[round(float(x), 2) for x in result.token_attr.sum(1)]}; "
              f"by word {[round(float(x), 2) for x in result.seq_attr]}")
    assert max(off["no cache"] + off["at once"]) < 1e-3 and off["default"][0] < 1e-3
    assert min(off["default"][1:]) > 0.1, "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
