"""load_tokenizer and max_length: the tokens are those of tokenizer.json, whatever class transformers has for it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name
from transformers.tokenization_utils_tokenizers import TokenizersBackend

from reportgen.core.records import Tokens
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.classifier import Classifier
from reportgen.model.tokenizer import load_tokenizer
from reportgen.model.tokens import encode
from tests import tiny

TEXT = "The HEADS of 2023\n\nthing  gather 650841823, <s>there</s> [NEW]é."
PIECES = [*"abcdefghijklmnopqrstuvwxyz0123456789,.<>/[]", "the", "heads", "of", "there", "\n\n", "é"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def own(algorithm: str, *, template: str = "<s>:0 $A:0 </s>:0") -> Tokenizer:
    """A tokenizer that no class of transformers would build: lower case, single digits, line breaks, an added token."""
    names = [*SPECIAL, *PIECES]
    ids = {name: index for index, name in enumerate(names)}
    model = {
        "BPE": lambda: models.BPE({**ids, "th": len(ids)}, [("t", "h"), ("th", "e")], unk_token="<unk>", fuse_unk=True),
        "WordPiece": lambda: models.WordPiece(
            {**ids, **{f"##{n}": len(ids) + i for i, n in enumerate(PIECES)}}, unk_token="<unk>"
        ),
        "Unigram": lambda: models.Unigram([(name, -1.0 - len(name)) for name in names], unk_id=3),
        "WordLevel": lambda: models.WordLevel(ids, unk_token="<unk>"),
    }[algorithm]()
    made = Tokenizer(model)
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"\d|\n+|\p{L}+|[^\s\p{L}\d]"), "isolated")
    made.decoder = decoders.Fuse()
    made.add_special_tokens(SPECIAL)
    made.add_tokens([AddedToken("[NEW]", normalized=False)])
    made.post_processor = processors.TemplateProcessing(template, special_tokens=[("<s>", 0), ("</s>", 2)])
    return made


def folder(path: Path, backend: Tokenizer, *, config: dict[str, Any] | None = None, **settings: Any) -> Checkpoint:
    """A folder with that tokenizer.json and tokenizer_config.json, and with config.json if there is one."""
    path.mkdir(exist_ok=True)
    backend.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    if config is not None:
        (path / "config.json").write_text(json.dumps(config))
    return Checkpoint(str(path), str(path), "local", str(path), "local")


@cache
def reader() -> Classifier:
    """A classifier whose model knows any token of these tests, and three token types."""
    return tiny.classifier(tiny.dense("bert", type_vocab_size=3), max_length=10_000)


def check_equal(tokens: Tokens, checkpoint: Checkpoint, text: str) -> None:
    """The same tokens, characters and special tokens that tokenizers itself reads from the file."""
    file = Tokenizer.from_file(str(Path(checkpoint.location) / "tokenizer.json"))
    told = file.encode(text)
    assert tokens.ids == tuple(told.ids)
    assert tokens.strings == tuple(map(file.id_to_token, told.ids))
    assert tokens.special == tuple(map(bool, told.special_tokens_mask))
    for start, end, (first, last) in zip(tokens.starts, tokens.ends, told.offsets, strict=True):
        assert text[start:end] == text[first:last].strip() or not text[first:last].strip()


def fast_classes() -> dict[str, str]:
    """Every class of fast tokenizers that transformers has for a sequence classifier, and a model type that uses it."""
    found: dict[str, str] = {"TokenizersBackend": "llama"}
    for kind in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        name = TOKENIZER_MAPPING_NAMES.get(kind)
        known = tokenizer_class_from_name(name) if name else None
        if isinstance(known, type) and issubclass(known, TokenizersBackend):
            found.setdefault(known.__name__, kind)
    return found


@pytest.mark.parametrize("named", [True, False], ids=["named", "by the model type"])
@pytest.mark.parametrize("kind", fast_classes())
def test_tokens_are_those_of_tokenizer_json_whatever_the_class(kind: str, named: bool, tmp_path: Path) -> None:
    """Of every fast tokenizer for sequence classifiers: normalizer, pre-tokenizer, added tokens and template hold."""
    known = tokenizer_class_from_name(kind)
    algorithm = getattr(getattr(known, "model", None), "__name__", "BPE")
    settings = {"tokenizer_class": kind} if named else {}
    checkpoint = folder(tmp_path, own(algorithm), config={"model_type": fast_classes()[kind]}, **settings)
    check_equal(encode(replace(reader(), tokenizer=load_tokenizer(checkpoint)), TEXT), checkpoint, TEXT)


def test_the_classes_that_were_seen_to_differ_are_among_those() -> None:
    """So that an empty list cannot pass."""
    seen = {"BertTokenizer", "RobertaTokenizer", "GPT2Tokenizer", "XLMRobertaTokenizer", "MPNetTokenizer"}
    seen |= {"Qwen2Tokenizer", "DebertaV2Tokenizer", "AlbertTokenizer", "BigBirdTokenizer", "XLNetTokenizer"}
    assert seen <= set(fast_classes())
    assert len(fast_classes()) > 20


@given(text=st.text(st.sampled_from("THEheads 12\n\n<s>[NEW]é☃"), max_size=20))
def test_any_text_has_the_tokens_of_tokenizer_json(text: str) -> None:
    check_equal(encode(replace(reader(), tokenizer=loaded()[1]), text), loaded()[0], text)


@cache
def loaded() -> tuple[Checkpoint, Any]:
    import tempfile

    path = Path(tempfile.mkdtemp())
    checkpoint = folder(path, own("BPE"), config={"model_type": "longformer"})
    return checkpoint, load_tokenizer(checkpoint)


# what else the folder says


def test_what_tokenizer_json_cuts_and_pads_is_not_cut_and_padded(tmp_path: Path) -> None:
    """These settings are of the texts it was trained on; the text has as many tokens as it has."""
    plain = own("BPE")
    whole = plain.encode(TEXT).ids
    plain.enable_truncation(5)
    plain.enable_padding(pad_id=1, pad_token="<pad>", length=200)
    tokenizer = load_tokenizer(folder(tmp_path, plain))
    assert encode(replace(reader(), tokenizer=tokenizer), TEXT).ids == tuple(whole)


def test_tokens_that_only_tokenizer_config_adds_are_not_read(tmp_path: Path) -> None:
    """The model was trained without them: `tokenizer.json` has neither `<s>there` nor a mask."""
    added = {"content": "there", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    checkpoint = folder(
        tmp_path,
        own("BPE"),
        added_tokens_decoder={"200": {**added, "special": False}},
        additional_special_tokens=["gather"],
        mask_token="heads",
        add_bos_token=False,
        add_eos_token=True,
    )
    check_equal(encode(replace(reader(), tokenizer=load_tokenizer(checkpoint)), TEXT), checkpoint, TEXT)


def test_special_tokens_have_the_names_that_the_files_give(tmp_path: Path) -> None:
    """tokenizer_config.json first, then special_tokens_map.json, then the class; never a token the file lacks."""
    checkpoint = folder(
        tmp_path, own("WordPiece"), tokenizer_class="BertTokenizer", pad_token={"content": "<pad>"}, cls_token="[CLS]"
    )
    older = {"pad_token": "<s>", "unk_token": {"content": "<unk>", "lstrip": False}}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(older))
    tokenizer = load_tokenizer(checkpoint)
    assert (tokenizer.pad_token, tokenizer.unk_token) == ("<pad>", "<unk>")
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (1, 3)
    assert (tokenizer.cls_token, tokenizer.sep_token) == (None, None)


def test_a_tokenizer_of_another_folder_is_read_as_that_folder_says(tmp_path: Path) -> None:
    """--tokenizer: its own tokenizer.json, also without a config.json."""
    tiny.save(tiny.dense("bert"), tmp_path / "model")
    other = folder(tmp_path / "other", own("Unigram"), tokenizer_class="AlbertTokenizer")
    checkpoint = replace(
        Checkpoint("m", str(tmp_path / "model"), "local", "o", "local"), tokenizer_location=other.location
    )
    check_equal(encode(replace(reader(), tokenizer=load_tokenizer(checkpoint)), TEXT), other, TEXT)


def test_a_folder_without_tokenizer_json_has_what_transformers_builds(tmp_path: Path) -> None:
    """By hand: a vocabulary of WordPiece."""
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "head", "##s"]))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    tokenizer = load_tokenizer(Checkpoint(str(tmp_path), str(tmp_path), "local", str(tmp_path), "local"))
    assert encode(replace(reader(), tokenizer=tokenizer), "The heads").strings == (
        "[CLS]",
        "the",
        "head",
        "##s",
        "[SEP]",
    )
