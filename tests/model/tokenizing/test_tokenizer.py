"""load_tokenizer and max_length: the tokens are those of tokenizer.json, whatever class transformers has for it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name
from transformers.tokenization_utils_tokenizers import TokenizersBackend

from reportgen.core.clock import Clock
from reportgen.core.errors import ModelError, UsageError
from reportgen.core.nouns.records import Tokens
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.classifier import Classifier
from reportgen.model.importance import measures
from reportgen.model.reading import forward_pass, long_documents
from reportgen.model.tokenizing.tokenizer import NO_LIMIT, load_tokenizer
from reportgen.model.tokenizing.tokens import encode
from tests import every_type, tiny

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


def test_merges_that_are_dropped_in_training_are_not_dropped(tmp_path: Path) -> None:
    """BPE-dropout (Provilkov et al. 2020) is of training; a report must come out the same each time."""
    plain = own("BPE")
    plain.model.dropout = 1.0
    assert plain.encode("the").tokens[1:-1] == ["t", "h", "e"]
    tokenizer = load_tokenizer(folder(tmp_path, plain))
    assert encode(replace(reader(), tokenizer=tokenizer), "the").strings == ("<s>", "the", "</s>")


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


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer_class": "NoSuchTokenizer"},
        {"tokenizer_class": 7},
        {"tokenizer_class": "pipeline"},  # a name of transformers, and no class
        {"tokenizer_class": "BertJapaneseTokenizer"},  # one without a fast form
        {"pad_token": ["<pad>"], "unk_token": None, "extra_special_tokens": {"a": "heads"}},
        {"split_special_tokens": True, "add_prefix_space": True, "do_lower_case": False},
    ],
)
def test_odd_settings_do_not_change_the_tokens(settings: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = folder(tmp_path, own("BPE"), config={"model_type": "bert"}, **settings)
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
    """By hand: a vocabulary of WordPiece. The length is read as elsewhere."""
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": "12.0"}')
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "head", "##s"]))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    tokenizer = load_tokenizer(Checkpoint(str(tmp_path), str(tmp_path), "local", str(tmp_path), "local"))
    assert tokenizer.model_max_length == 12
    assert encode(replace(reader(), tokenizer=tokenizer), "The heads").strings == (
        "[CLS]",
        "the",
        "head",
        "##s",
        "[SEP]",
    )


# token types

TYPED = {  # model type: template, and what tokenizer_config.json says
    "xlnet": ("$A:0 </s>:0 <s>:2", {"tokenizer_class": "XLNetTokenizer"}),
    "bert": ("<s>:0 $A:1 </s>:1", {"tokenizer_class": "BertTokenizer"}),
    "albert": ("<s>:1 $A:1 </s>:0", {"tokenizer_class": "AlbertTokenizer"}),
    "big_bird": ("<s>:0 $A:1 </s>:0", {}),
    "deberta-v2": ("<s>:1 $A:0 </s>:1", {"tokenizer_class": "DebertaV2Tokenizer"}),
    "longformer": ("<s>:0 $A:1 </s>:1", {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}),
}


def saved(path: Path, kind: str, template: str, **settings: Any) -> Classifier:
    """A classifier of that type on disk, loaded again, whose tokenizer gives the types of *template*."""
    big = {"attention_type": "original_full"} if kind == "big_bird" else {}
    types = {} if kind in ("gpt2", "xlnet", "distilbert") else {"type_vocab_size": 3}
    model = tiny.longformer(**types) if kind == "longformer" else tiny.dense(kind, **types, **big)
    with torch.no_grad():  # transformers draws some near 0, which would hide the types
        for name, parameter in model.named_parameters():
            if "token_type" in name or (kind == "xlnet" and parameter.dim() > 1):
                parameter.normal_(std=0.6)
    tiny.save(model, path)
    folder(path, own("BPE", template=template), **{"model_max_length": 60, **settings})
    return tiny.load(path)


def plain_logits(path: Path, text: str, *, kind: str, types: bool) -> torch.Tensor:
    """What the model says of the tokens of tokenizers itself, without reportgen."""
    from transformers import AutoModelForSequenceClassification

    told = Tokenizer.from_file(str(path / "tokenizer.json")).encode(text)
    inputs = {"input_ids": torch.tensor([told.ids])}
    if types:
        inputs["token_type_ids"] = torch.tensor([told.type_ids])
    model = AutoModelForSequenceClassification.from_pretrained(path, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(**inputs).logits


@pytest.mark.parametrize("kind", TYPED)
def test_token_types_reach_the_model_alone_and_in_a_batch(kind: str, tmp_path: Path) -> None:
    """The logits are those of the model on the ids and type ids of tokenizers itself."""
    template, settings = TYPED[kind]
    classifier = saved(tmp_path, kind, template, **settings)
    texts = ["the heads", "The HEADS of there, and 23 others", "of"]
    documents = [encode(classifier, text) for text in texts]
    right = torch.cat([plain_logits(tmp_path, text, kind=kind, types=True) for text in texts])
    without = torch.cat([plain_logits(tmp_path, text, kind=kind, types=False) for text in texts])
    assert (right - without).abs().max() > 1e-2  # or this test could not fail
    alone = torch.cat([forward_pass.predict_logits(classifier, [document]) for document in documents])
    torch.testing.assert_close(alone, right, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(forward_pass.predict_logits(classifier, documents), right, atol=1e-5, rtol=1e-5)
    attended = forward_pass.attend(classifier, documents, lambda *_: None)
    torch.testing.assert_close(attended, right, atol=1e-5, rtol=1e-5)


def test_types_reach_the_model_on_every_way_to_it(tmp_path: Path) -> None:
    """Prediction over a split, windows of a long document, both measures of head importance: all calls have them."""
    classifier = saved(tmp_path, "bert", "<s>:0 $A:1 </s>:2")
    documents = [encode(classifier, text) for text in ("the heads", "of")]
    whole = encode(classifier, "of there " * 40, whole=True)
    seen: list[set[int]] = []

    def look(_: torch.nn.Module, __: Any, given: dict[str, Any]) -> None:
        seen.extend(
            set(types[: int(mask.sum())].tolist())
            for types, mask in zip(given["token_type_ids"], given["attention_mask"], strict=True)
        )

    def calls(run: Callable[[], object]) -> int:
        seen.clear()
        run()
        assert all(types == {0, 1, 2} for types in seen)
        return len(seen)

    def importance(measure: str) -> object:
        return measures.compute(classifier, documents, [0, 1], measure=measure, batch_size=2)

    classifier.model.register_forward_pre_hook(look, with_kwargs=True)
    assert calls(lambda: forward_pass.predict_all(classifier, documents, batch_size=2, on_batch=lambda *_: None)) == 2
    plan = long_documents.plan(whole, length=20)
    assert calls(lambda: long_documents.read(classifier, [plan], top_k=2, clock=Clock(), batch_size=3)) >= len(
        plan.windows
    )
    assert calls(lambda: importance("taylor")) >= 2
    assert calls(lambda: importance("ablation")) >= 2


def test_a_model_that_takes_no_types_gets_none(tmp_path: Path) -> None:
    """DistilBERT's forward has no such argument."""
    classifier = saved(tmp_path, "distilbert", "<s>:0 $A:1 </s>:1", tokenizer_class="BertTokenizer")
    document = encode(classifier, "the heads")
    assert document.types == ()
    right = plain_logits(tmp_path, "the heads", kind="distilbert", types=False)
    torch.testing.assert_close(forward_pass.predict_logits(classifier, [document]), right, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "types"),
    [
        ({"tokenizer_class": "GPT2Tokenizer"}, False),
        ({"tokenizer_class": "BertTokenizer"}, True),  # GPT-2 of Chinese texts: type 0 is a word that is added
        ({"tokenizer_class": "BertTokenizer", "model_input_names": ["input_ids", "attention_mask"]}, False),
        ({"model_input_names": ["input_ids", "token_type_ids"]}, True),
    ],
    ids=["class without", "class with", "named without", "named with"],
)
def test_types_of_zeros_are_given_if_the_settings_or_the_class_say_so(
    settings: dict[str, Any], types: bool, tmp_path: Path
) -> None:
    """In GPT-2 zeros are not the same as no types."""
    classifier = saved(tmp_path, "gpt2", "$A:0 </s>:0", **settings)
    document = encode(classifier, "the heads")
    assert document.types == ((0,) * len(document) if types else ())
    right = plain_logits(tmp_path, "the heads", kind="gpt2", types=types)
    torch.testing.assert_close(forward_pass.predict_logits(classifier, [document]), right, atol=1e-5, rtol=1e-5)


def test_types_stay_with_their_tokens_in_texts_that_are_cut_and_in_windows(tmp_path: Path) -> None:
    """By hand: type 1 for the text, 2 for the special token at the end."""
    classifier = saved(tmp_path, "bert", "<s>:0 $A:1 </s>:2")
    text = "of there " * 40
    cut = encode(classifier, text)
    assert (len(cut), cut.types) == (60, (0, *[1] * 58, 2))
    whole = encode(classifier, text, whole=True)
    plan = long_documents.plan(whole, length=20)
    assert len(plan.windows) > 3
    assert all(plan.piece(window).types == (0, *[1] * 18, 2) for window in plan.windows)
    untyped = long_documents.plan(replace(whole, types=()), length=20)
    assert untyped.piece(untyped.windows[0]).types == ()


def test_a_type_that_only_the_template_gives_and_the_model_lacks_is_left_out(tmp_path: Path) -> None:
    """RoBERTa has one type, and its class gives none: the template cannot be what it was trained with."""
    classifier = saved(tmp_path, "roberta", "<s>:0 $A:0 </s>:3", tokenizer_class="RobertaTokenizer")
    document = encode(classifier, "the heads")
    assert document.types == ()
    right = plain_logits(tmp_path, "the heads", kind="roberta", types=False)
    torch.testing.assert_close(forward_pass.predict_logits(classifier, [document]), right, atol=1e-5, rtol=1e-5)


def test_a_type_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    classifier = saved(tmp_path, "bert", "<s>:0 $A:1 </s>:7")
    with pytest.raises(ModelError, match=r"returns token type 7; the model has 3 \(from 0\)") as caught:
        encode(classifier, "the heads")
    assert caught.value.exit_code == 4


# what is wrong in the files


def edit(path: Path, **changes: Any) -> None:
    """Change fields of a JSON file; ... leaves one out."""
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model": {"type": "SuperBPE", "vocab": {}}}, r'"model" in tokenizer.json of the type "SuperBPE"'),
        ({"normalizer": {"type": "Later"}}, r'"normalizer" in tokenizer.json of the type "Later"'),
        ({"pre_tokenizer": {"type": "Later"}}, r'"pre_tokenizer" in tokenizer.json of the type "Later"'),
        ({"post_processor": {"type": "Later"}}, r'"post_processor" in tokenizer.json of the type "Later"'),
        ({"decoder": {"type": "Later"}}, r'"decoder" in tokenizer.json of the type "Later"'),
        ({"version": "2.0"}, r'"version" in tokenizer.json: Unknown tokenizer version'),
        ({"segments": []}, r'"segments" in tokenizer.json'),
        ({"added_tokens": [{"id": 1}]}, r'"added_tokens" in tokenizer.json'),
        ({"padding": {"strategy": "Later"}}, r'"padding" in tokenizer.json'),
        ({"model": ...}, r'no tokenizer: tokenizer.json has no "model"'),
        (
            {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "eA=="}},
            r'"normalizer" in tokenizer.json',
        ),
    ],
)
def test_a_tokenizer_json_that_cannot_be_read_says_which_part(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    """Of a later version, or damaged; the last one panics in Rust, which is no `Exception`."""
    checkpoint = folder(tmp_path, own("BPE"))
    edit(tmp_path / "tokenizer.json", **changes)
    with pytest.raises(ModelError, match=named) as caught:
        load_tokenizer(checkpoint)
    assert caught.value.exit_code == 4
    assert "--tokenizer" in str(caught.value.hint)


@pytest.mark.parametrize("content", ["", "version https://git-lfs.github.com/spec/v1\n", "<!DOCTYPE html>", "[]", "{"])
def test_a_tokenizer_json_that_is_no_json_object_is_an_error_of_the_model(content: str, tmp_path: Path) -> None:
    checkpoint = folder(tmp_path, own("BPE"))
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json is (not|a web page|a Git LFS|empty)") as caught:
        load_tokenizer(checkpoint)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("algorithm", ["WordPiece", "WordLevel", "BPE", "Unigram"])
def test_a_vocabulary_without_its_unknown_token_names_the_word_that_it_cannot_read(
    algorithm: str, tmp_path: Path
) -> None:
    """Exit code 4; texts of known words are read."""
    model = json.loads(own(algorithm).to_str())["model"]
    changes = {"unk_id": None} if algorithm == "Unigram" else {"unk_token": "[GONE]"}
    checkpoint = folder(tmp_path, own(algorithm))
    edit(tmp_path / "tokenizer.json", model={**model, **changes})
    classifier = replace(reader(), tokenizer=load_tokenizer(checkpoint))
    assert encode(classifier, "the").strings == ("<s>", "the", "</s>")
    with pytest.raises(ModelError, match='cannot read "☃!"') as caught:
        encode(classifier, "the\n\n☃! of")
    assert caught.value.exit_code == 4
    assert "unk_token" in str(caught.value.hint)


def test_a_tokenizer_json_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    empty = Tokenizer(models.BPE())
    empty.add_special_tokens(SPECIAL)
    with pytest.raises(ModelError, match="no tokenizer: no vocabulary"):
        load_tokenizer(folder(tmp_path, empty))


# lengths


@pytest.mark.parametrize(
    ("told", "length"),
    [
        (12, 12),
        (12.0, 12),
        ("512", 512),
        (" 512 ", 512),
        (10**30, NO_LIMIT),
        (1e30, NO_LIMIT),
        ("1e30", NO_LIMIT),
        (float("inf"), NO_LIMIT),
        (10**400, NO_LIMIT),
        (None, NO_LIMIT),
        (..., NO_LIMIT),
    ],
)
def test_a_length_is_read_as_it_is_meant(told: Any, length: int, tmp_path: Path) -> None:
    checkpoint = folder(tmp_path, own("BPE"), **({} if told is ... else {"model_max_length": told}))
    assert load_tokenizer(checkpoint).model_max_length == length


@pytest.mark.parametrize("told", [0, -1, 0.5, 12.5, True, "", "many", "-1", [512], {"max": 512}, float("nan")])
def test_a_length_that_is_none_names_the_field(told: Any, tmp_path: Path) -> None:
    """Nobody can know what is meant: exit code 4."""
    checkpoint = folder(tmp_path, own("BPE"), model_max_length=told)
    with pytest.raises(ModelError, match=r"tokenizer_config\.json: model_max_length must be a number") as caught:
        load_tokenizer(checkpoint)
    assert caught.value.exit_code == 4
    assert "leave it out" in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["gemma3", "modernvbert"])
def test_a_length_inside_the_part_that_reads_text_counts(kind: str, tmp_path: Path) -> None:
    """Types that also see images have it there alone."""
    model = every_type.build(kind, max_position_embeddings=...)
    assert model.config.text_config.max_position_embeddings == 64
    assert tiny.load(tiny.save(model, tmp_path)).max_length == 64


def test_a_length_without_room_for_a_token_names_the_field(tmp_path: Path) -> None:
    tiny.save(tiny.dense("bert"), tmp_path)
    edit(tmp_path / "tokenizer_config.json", model_max_length=2)
    with pytest.raises(ModelError, match="model_max_length allows 2 tokens, and the tokenizer adds 2 special ones"):
        tiny.load(tmp_path)
    edit(tmp_path / "tokenizer_config.json", model_max_length=3)
    assert tiny.load(tmp_path).max_length == 3
    with pytest.raises(UsageError, match="--max-length 2: the minimum is 3"):
        tiny.load(tmp_path, max_length=2)


def test_input_names_that_are_none_name_the_field(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="model_input_names must be a list of names, not 'input_ids'"):
        load_tokenizer(folder(tmp_path, own("BPE"), model_input_names="input_ids"))
