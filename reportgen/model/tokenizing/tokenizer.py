"""Load the tokenizer of a model as its tokenizer.json says, and find how many tokens the model takes.

Version 5 of transformers builds many tokenizers anew from their class, without parts of tokenizer.json. Here that file
alone decides what the tokens are; the other files only give names and lengths. `tokens.py` turns a text into tokens.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer, normalizers
from tokenizers.models import BPE, Unigram
from tokenizers.normalizers import Precompiled
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import SentencePieceExtractor
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

from reportgen.core import versions
from reportgen.core.errors import ModelError, UsageError
from reportgen.core.files import disk
from reportgen.model import supported
from reportgen.model.checkpoint import CONFIG, TOKENIZER, TOKENIZER_CONFIG, Checkpoint
from reportgen.model.guards import ALONE, panics, said

OLDER = "special_tokens_map.json"
TYPES = "token_type_ids"
NO_LIMIT = int(1e30)  # of model_max_length, as transformers writes it
EMPTY: dict[str, Any] = {  # a tokenizer.json with all its parts, and nothing in them
    "version": "1.0",
    **dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")),
    "added_tokens": [],
    "model": {"type": "BPE", "vocab": {}, "merges": []},
}


def load_tokenizer(checkpoint: Checkpoint, *, kinds: int = 0) -> Any:
    """The tokenizer, as one of transformers: that of its tokenizer.json, or what its other files describe.

    Args:
        checkpoint: Where its files are.
        kinds: Token types that the model has an embedding for; 0 if that is not known.

    Raises:
        ModelError: If there is none, it cannot be read, or it needs a library that is not installed.
    """
    settings = checkpoint.tokenizer_json(TOKENIZER_CONFIG) or {}
    own = (checkpoint.tokenizer_folder / TOKENIZER).is_file()
    length = _length(checkpoint, settings.get("model_max_length", settings.get("max_len")))
    tokenizer = _own(checkpoint, settings, kinds) if own else _built(checkpoint)
    tokenizer.model_max_length = length
    tokenizer.truncation_side = "right"  # the first tokens are kept, whatever the tokenizer was trained with
    return tokenizer


def max_length(checkpoint: Checkpoint, model: PreTrainedModel, tokenizer: Any, wanted: int | None) -> int:
    """The number of tokens to read at most, special ones included: *wanted*, or all that the model takes.

    Raises:
        ModelError: If the model takes no token but the special ones.
        UsageError: If *wanted* is more than the model takes, or leaves no room for a token.
    """
    limit = int(getattr(supported.text_config(model.config), "max_position_embeddings", 0) or 0)
    if limit <= 0:  # XLNet says -1: none
        limit = tokenizer.model_max_length
    for name, module in model.named_modules():
        padding = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            limit = len(module.weight) - padding - 1  # RoBERTa's positions start behind the padding id
    limit = min(limit, tokenizer.model_max_length)
    special = int(tokenizer.num_special_tokens_to_add())
    if limit <= special:
        told = limit == tokenizer.model_max_length
        name, file = (checkpoint.tokenizer, TOKENIZER_CONFIG) if told else (checkpoint.name, CONFIG)
        field = "model_max_length" if told else "max_position_embeddings"
        raise ModelError(
            f"{name}: {file}: {field} allows {limit} tokens, and the tokenizer adds {special} special ones",
            hint=f"correct {field}, or choose another --tokenizer",
        )
    if wanted is not None and wanted > limit:
        raise UsageError(f"--max-length {wanted}: the model takes {limit} tokens at most")
    if wanted is not None and wanted <= special:
        raise UsageError(f"--max-length {wanted}: the minimum is {special + 1}, one token and {special} special tokens")
    return limit if wanted is None else wanted


def token_types(config: Any) -> int:
    """The number of token types that a model has an embedding for; 0 if it has none, or another kind of types."""
    return int(getattr(config, "type_vocab_size", None) or 0)


@lru_cache(maxsize=1)
def rebuilt(checkpoint: Checkpoint, tokenizer: Any) -> Any | None:
    """What transformers' own pipeline makes of the files of *tokenizer*, if that may read a text otherwise.

    None if it reads every text as *tokenizer* does, which the cache remembers, or if it cannot be built.
    """
    if not tokenizer.is_fast:
        return None  # it is *tokenizer* itself, see `_built`
    used = versions.of("reportgen", "tokenizers", "transformers")
    same = disk.cached("tokenizers", disk.key(files=checkpoint.settings_sha256(), versions=used))
    if same.is_file():
        return None
    try:
        with panics():
            other: Any = AutoTokenizer.from_pretrained(str(checkpoint.tokenizer_folder), **ALONE)
    except Exception:  # then the user's own pipeline fails, too
        return None
    if not other.is_fast or (TYPES in other.model_input_names) != (TYPES in tokenizer.model_input_names):
        return other
    settle(other.backend_tokenizer)
    if other.backend_tokenizer.to_str() != tokenizer.backend_tokenizer.to_str():
        return other
    disk.keep(same, b"")
    return None


def _own(checkpoint: Checkpoint, settings: Mapping[str, Any], kinds: int) -> Any:
    """The tokenizer of tokenizer.json, whole and as it is, with the names that the other files give."""
    try:
        with panics():
            backend = Tokenizer.from_file(str(checkpoint.tokenizer_folder / TOKENIZER))
    except Exception as error:  # tokenizers raises nothing more precise
        raise _unreadable(checkpoint, error) from error
    if backend.get_vocab_size() <= sum(token.special for token in backend.get_added_tokens_decoder().values()):
        raise _no_tokenizer(checkpoint, "no vocabulary")
    settle(backend)
    kind = _kind(checkpoint, settings)
    generic: Any = PreTrainedTokenizerFast  # its constructor carries no types
    # subtle: transformers adds tokens to a tokenizer that it is given, so it is given another one
    tokenizer = generic(
        tokenizer_object=Tokenizer(BPE()),
        model_input_names=_named_inputs(checkpoint, settings) or _usual_inputs(kind, backend, kinds),
    )
    tokenizer._tokenizer = backend
    for name, token in _special({**(checkpoint.tokenizer_json(OLDER) or {}), **settings}, kind):
        if backend.token_to_id(token) is not None:
            setattr(tokenizer, name, token)
    return tokenizer


def _built(checkpoint: Checkpoint) -> Any:
    """The tokenizer that transformers builds of other files: a vocabulary, a SentencePiece model, or none at all.

    With the normalizer of the SentencePiece model, also where transformers leaves it out.
    """
    try:
        with panics():
            tokenizer: Any = AutoTokenizer.from_pretrained(str(checkpoint.tokenizer_folder), **ALONE)
            if tokenizer.is_fast:
                _normalize(checkpoint, tokenizer)
    except Exception as error:
        # subtle: a vocabulary of SentencePiece that cannot be read for want of it is tried as one of tiktoken
        if isinstance(error, ImportError) or "`tiktoken` is required" in str(error):
            raise ModelError(
                f"{checkpoint.tokenizer}: its tokenizer needs a library that is not installed: {said(error)}",
                hint="run pip install sentencepiece for a *.model file, or install the library; or choose a "
                "--tokenizer that has a tokenizer.json",
            ) from error
        raise _no_tokenizer(checkpoint, error) from error
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):  # made up by transformers where there are no files
        raise _no_tokenizer(checkpoint, "no vocabulary")
    return tokenizer


def _normalize(checkpoint: Checkpoint, tokenizer: Any) -> None:
    """Give *tokenizer* the normalizer of its SentencePiece model, if transformers has left it out.

    So it does with DeBERTa and BigBird, which then read ligatures and full-width letters as unknown.
    """
    backend = tokenizer.backend_tokenizer
    names = [name for name in tokenizer.vocab_files_names.values() if name.endswith(".model")]
    file = next((path for name in names if (path := checkpoint.tokenizer_folder / name).is_file()), None)
    held = "{}" if backend.normalizer is None else backend.normalizer.__getstate__().decode()
    if file is None or not isinstance(backend.model, Unigram) or "precompiled_charsmap" in held:
        return
    table = SentencePieceExtractor(str(file)).proto.normalizer_spec.precompiled_charsmap
    if table:
        parts = [Precompiled(table), *([backend.normalizer] if backend.normalizer else [])]
        backend.normalizer = normalizers.Sequence(parts)


def settle(backend: Tokenizer) -> None:
    """Leave out what tokenizer.json holds of its training: where texts were cut and padded, and dropout of merges."""
    backend.no_truncation()
    backend.no_padding()
    if getattr(backend.model, "dropout", None):  # only of BPE
        backend.model.dropout = None


def _no_tokenizer(checkpoint: Checkpoint, why: str | Exception) -> ModelError:
    return ModelError(
        f"{checkpoint.tokenizer}: no tokenizer: {said(why) if isinstance(why, Exception) else why}",
        hint="choose one with --tokenizer",
    )


def _unreadable(checkpoint: Checkpoint, error: Exception) -> ModelError:
    """The error of a tokenizer.json that tokenizers cannot read, with the first part that is at fault."""
    content = checkpoint.tokenizer_json(TOKENIZER) or {}  # raises an error of its own if it is no JSON object
    faulty = [part for part in content if part not in EMPTY or not _readable(part, content[part])]
    if "model" not in content:
        return _no_tokenizer(checkpoint, f'{TOKENIZER} has no "model"')
    part = content[faulty[0]] if faulty else None
    named = f'"{faulty[0]}" in {TOKENIZER}' if faulty else TOKENIZER
    kind = f' of the type "{part["type"]}"' if isinstance(part, dict) and "type" in part else ""
    version = versions.of("tokenizers")["tokenizers"]
    return ModelError(
        f"{checkpoint.tokenizer}: tokenizers {version} cannot read {named}{kind}: {said(error)}",
        hint="run pip install --upgrade tokenizers transformers if a later version wrote it; or choose another "
        "--tokenizer",
    )


def _readable(part: str, content: Any) -> bool:
    """Whether tokenizers reads this part of a tokenizer.json, the others left empty."""
    try:
        with panics():
            Tokenizer.from_str(json.dumps({**EMPTY, part: content}))
    except Exception:
        return False
    return True


def _kind(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> type[PreTrainedTokenizerBase]:
    """The class whose defaults hold for what the files do not say."""
    config = checkpoint.tokenizer_json(CONFIG) or {}
    usual = TOKENIZER_MAPPING_NAMES.get(str(config.get("model_type")))
    name = settings.get("tokenizer_class") or config.get("tokenizer_class") or usual
    found = tokenizer_class_from_name(name) if isinstance(name, str) else None
    usable = isinstance(found, type) and issubclass(found, PreTrainedTokenizerBase)
    return found if usable else PreTrainedTokenizerFast  # type: ignore[return-value]


def _named_inputs(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> list[str] | None:
    """The inputs of the model that tokenizer_config.json names, None if it names none."""
    named = settings.get("model_input_names")
    if named is not None and not (isinstance(named, list) and all(isinstance(each, str) for each in named)):
        raise ModelError(
            f"{checkpoint.tokenizer}: {TOKENIZER_CONFIG}: model_input_names must be a list of names, not {named!r}",
            hint=f"correct model_input_names in {TOKENIZER_CONFIG}, or leave it out",
        )
    return named


def _usual_inputs(kind: type[PreTrainedTokenizerBase], backend: Tokenizer, kinds: int) -> list[str]:
    """The inputs of the model that the class of the tokenizer names.

    The classes of XLNet, ALBERT and others name token types no more since version 5 of transformers, but their models
    are trained with them. So types other than 0 in the template of tokenizer.json count as named, if the model has
    such types.
    """
    usual = list(kind.model_input_names)
    state = "{}" if backend.post_processor is None else backend.post_processor.__getstate__()
    highest = max(_types(json.loads(state)), default=0)
    return [*usual, TYPES] if TYPES not in usual and 0 < highest < (kinds or math.inf) else usual


def _types(processor: Mapping[str, Any]) -> Iterator[int]:
    """The token types that a post-processor gives the parts of a single text."""
    for part in processor.get("single", ()):
        yield from (piece["type_id"] for piece in part.values())
    for each in processor.get("processors", ()):
        yield from _types(each)


def _special(settings: Mapping[str, Any], kind: type[PreTrainedTokenizerBase]) -> Iterator[tuple[str, str]]:
    """The special tokens by their names, "pad_token" and others, that the settings give, or else the class."""
    usual = inspect.signature(kind.__init__).parameters
    for name in PreTrainedTokenizerBase.SPECIAL_TOKENS_ATTRIBUTES:
        told = settings.get(name, usual[name].default if name in usual else None)
        token = told.get("content") if isinstance(told, dict) else told
        if isinstance(token, str):
            yield name, token


def _length(checkpoint: Checkpoint, told: object) -> int:
    """`model_max_length` of tokenizer_config.json as a number of tokens; `NO_LIMIT` without one."""
    if told is None:
        return NO_LIMIT
    try:
        value = min(told, NO_LIMIT) if isinstance(told, int) else told
        number = float(value) if isinstance(value, int | float | str) and not isinstance(told, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if number >= NO_LIMIT:
        return NO_LIMIT
    if not number.is_integer() or number < 1:
        raise ModelError(
            f"{checkpoint.tokenizer}: {TOKENIZER_CONFIG}: model_max_length must be a number of tokens, not {told!r}",
            hint=f"correct model_max_length in {TOKENIZER_CONFIG}, or leave it out",
        )
    return int(number)
