"""Load the tokenizer of a model from its folder, and find how many tokens the model takes.

Nothing is read with it here: `tokens.py` turns a text into tokens.
"""

from __future__ import annotations

from typing import Any

from transformers import AutoTokenizer, PreTrainedModel

from reportgen.core.errors import ModelError, UsageError
from reportgen.model.checkpoint import Checkpoint

ALONE = {"trust_remote_code": False, "local_files_only": True}  # transformers runs no code and asks no network


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The tokenizer of transformers, ready to read.

    Raises:
        ModelError: If there is none, it cannot be read, or it needs a library that is not installed.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.tokenizer_location or checkpoint.location, **ALONE)
    except Exception as error:  # tokenizers raises nothing more precise
        # subtle: a vocabulary of SentencePiece that cannot be read for want of it is tried as one of tiktoken
        if isinstance(error, ImportError) or "`tiktoken` is required" in str(error):
            raise ModelError(
                f"{checkpoint.tokenizer}: its tokenizer needs a library that is not installed: {error}",
                hint="run pip install sentencepiece for a *.model file, or install the library; or choose a "
                "--tokenizer that has a tokenizer.json",
            ) from error
        raise ModelError(
            f"{checkpoint.tokenizer}: no tokenizer: {error}", hint="choose one with --tokenizer"
        ) from error
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):  # made up by transformers where there are no files
        raise ModelError(f"{checkpoint.tokenizer}: no tokenizer: no vocabulary", hint="choose one with --tokenizer")
    tokenizer.truncation_side = "right"  # the first tokens are kept, whatever the tokenizer was trained with
    return tokenizer


def max_length(model: PreTrainedModel, tokenizer: Any, wanted: int | None) -> int:
    """The number of tokens to read at most, special ones included: *wanted*, or all that the model takes.

    Raises:
        UsageError: If *wanted* is more than that, or leaves no room for a token.
    """
    limit = int(getattr(model.config, "max_position_embeddings", 0) or 0)
    if limit <= 0:  # XLNet says -1: none
        limit = tokenizer.model_max_length
    for name, module in model.named_modules():
        padding = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            limit = module.num_embeddings - padding - 1  # RoBERTa's positions start behind the padding id
    limit = min(limit, tokenizer.model_max_length)
    if wanted is not None and wanted > limit:
        raise UsageError(f"--max-length {wanted}: the model takes {limit} tokens at most")
    least = int(tokenizer.num_special_tokens_to_add()) + 1
    if wanted is not None and wanted < least:
        raise UsageError(f"--max-length {wanted}: the minimum is {least}, one token and {least - 1} special tokens")
    return limit if wanted is None else wanted
