"""alignment and encoding: the text shown is the input text, whatever kind of tokenizer reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertTokenizer,
    ByT5Tokenizer,
    CanineTokenizer,
    CTRLTokenizer,
    EsmTokenizer,
    PhobertTokenizer,
    PreTrainedTokenizer,
    PreTrainedTokenizerFast,
)
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from reportgen import alignment, heatmap, inference
from reportgen.classifier import Classifier
from reportgen.errors import ModelError
from reportgen.records import Tokens
from tests import tiny

TEXTS = [
    "The heads of the thing.",
    "  a leading and a trailing space  ",
    "tabs\tand\nnew\r\nlines  and  double   spaces\u00a0!",
    "Émile, café, naïve; ÅNGSTRÖM, Straße, İstanbul, e\u0301 and o\u0308",
    "日本語のテスト 日☃☁本 한국어",
    "👩‍👩‍👧‍👦 a family, 👍🏽 a👍b, 🇫🇷",
    "ﬁne ﬂow, Ｆｕｌｌ ｗｉｄｔｈ, ㎏, ½, … and x²",
    "☃☁ ☂, ☃-☁, un☃known ☃",
    "नमस्ते हिन्दी, ภาษาไทย, שָׁלוֹם, العَرَبِيَّة",
    "zero\u200bwidth soft\u00adhyphen nul\x00 and \ufffd, \u2581underline, ## ##x @@ </w> <0x41>",
    "a literal [UNK] and [SEP] and <unk> and </s>",
    "'quoted' “quoted” – dash — it’s",
    "",
    "   ",
]
ALPHABET = "abcdehst .,-!#\n\tABİßéñﬁＦ½日本한☃☁👍🏽\u200d\u0301\u093f\u00ad\u2581"
MIXED = st.text(st.sampled_from(ALPHABET), max_size=16)
CORPUS = [*tiny.CORPUS, "日本語 テスト, café, naïve, ﬁne, 한국어"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def fast(model: Tokenizer) -> PreTrainedTokenizerFast:
    model.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=model, model_max_length=512, **names)


@cache
def unigram() -> PreTrainedTokenizerFast:
    """As in XLM-RoBERTa and ALBERT: NFKC, spaces that run together, a Unigram model."""
    model = Tokenizer(models.Unigram())
    model.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    model.pre_tokenizer = pre_tokenizers.Metaspace()
    model.decoder = decoders.Metaspace()
    model.train_from_iterator(
        CORPUS, trainers.UnigramTrainer(vocab_size=120, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    )
    return fast(model)


@cache
def byte_fallback() -> PreTrainedTokenizerFast:
    """As in Llama: byte pairs over the whole text, and single bytes for characters that it does not know."""
    model = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    model.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    model.train_from_iterator(
        tiny.CORPUS, trainers.BpeTrainer(vocab_size=380, special_tokens=names, show_progress=False)
    )
    held = json.loads(model.to_str())
    held["added_tokens"] = held["added_tokens"][: len(SPECIAL)]  # the bytes are pieces like others
    return fast(Tokenizer.from_str(json.dumps(held)))


def word_pieces() -> list[str]:
    letters = list(dict.fromkeys("abcdefghijklmnopqrstuvwxyzABCDEFGHT0123456789.,!?-#日本éßfi'"))
    return [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *letters,
        *(f"##{c}" for c in letters),
        "the",
        "head",
        "##s",
    ]


def slow_bert(folder: Path, **options: Any) -> BertTokenizerLegacy:
    """WordPiece in Python, as Japanese, Chinese and older models still have it."""
    path = folder / "vocab.txt"
    path.write_text("\n".join(word_pieces()) + "\n")
    return BertTokenizerLegacy(str(path), **options)


def slow_pairs(kind: type[PreTrainedTokenizer], folder: Path) -> PreTrainedTokenizer:
    """Byte pairs with `@@` where a word goes on: PhoBERT and CTRL."""
    (folder / "merges.txt").write_text("#version\nt h 10\nth e</w> 5\nh e 3\n")
    words = ["the", "th@@", "e", "hea@@", "d", "a"]
    if kind is PhobertTokenizer:
        (folder / "vocab.txt").write_text("".join(f"{word} 1\n" for word in words))
        return kind(str(folder / "vocab.txt"), str(folder / "merges.txt"))
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate([*words, "<unk>"])}))
    return kind(str(folder / "vocab.json"), str(folder / "merges.txt"))


def slow_esm(folder: Path) -> EsmTokenizer:
    """Whole words that are in the vocabulary, and others as they are."""
    path = folder / "esm.txt"
    path.write_text("\n".join(["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<mask>"]))
    return EsmTokenizer(str(path))


def slow_sentencepiece(folder: Path, *, model_type: str) -> PreTrainedTokenizer:
    sentencepiece = pytest.importorskip("sentencepiece")
    from transformers.tokenization_utils_sentencepiece import SentencePieceBackend

    options = {"vocab_size": 400, "byte_fallback": True} if model_type == "bpe" else {"vocab_size": 100}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 4), model_prefix=str(folder / "sp"), model_type=model_type, minloglevel=2,
        hard_vocab_limit=False, character_coverage=1.0, **options,
    )  # fmt: skip
    names = {"unk_token": "<unk>", "eos_token": "</s>", "pad_token": "<pad>"}
    return SentencePieceBackend(vocab_file=str(folder / "sp.model"), special_tokens_pattern="eos", **names)


FAST: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "byte-level BPE": tiny.tokenizer,
    "WordPiece, lower case": lambda: BertTokenizer(vocab={w: i for i, w in enumerate(word_pieces())}),
    "WordPiece, as written": lambda: BertTokenizer(
        vocab={w: i for i, w in enumerate(word_pieces())}, do_lower_case=False
    ),
    "SentencePiece Unigram": unigram,
    "BPE with byte fallback": byte_fallback,
}
SLOW: dict[str, Callable[[Path], PreTrainedTokenizer]] = {
    "WordPiece, lower case": slow_bert,
    "WordPiece, as written": lambda folder: slow_bert(folder, do_lower_case=False),
    "bytes": lambda _: ByT5Tokenizer(),
    "characters": lambda _: CanineTokenizer(),
    "pairs with @@": lambda folder: slow_pairs(PhobertTokenizer, folder),
    "pairs with @@, line ends": lambda folder: slow_pairs(CTRLTokenizer, folder),
    "words": slow_esm,
    "SentencePiece Unigram": lambda folder: slow_sentencepiece(folder, model_type="unigram"),
    "SentencePiece BPE with byte fallback": lambda folder: slow_sentencepiece(folder, model_type="bpe"),
}


def with_tokenizer(tokenizer: Any, *, max_length: int = 100_000) -> Classifier:
    """A classifier with that tokenizer, whose model knows any token."""
    model = tiny.dense("bert")
    model.resize_token_embeddings(
        max(tokenizer.convert_tokens_to_ids(tokenizer.tokenize("a")) + [2000]), mean_resizing=False
    )
    return replace(tiny.classifier(model), tokenizer=tokenizer, max_length=max_length)


def letters(text: str) -> str:
    """What no tokenizer drops or changes."""
    return "".join(key for character in text for key in alignment.fold(character) if not alignment.fades(key))


def check(text: str, tokens: Tokens) -> None:
    """Offsets ascend, lie in the text, cover what is to be read; and the heatmap's text is the text."""
    last = 0
    for start, end, special in zip(tokens.starts, tokens.ends, tokens.special, strict=True):
        assert start == end if special else last <= start <= end <= len(text)
        last = last if special else start
    covered = {i for start, end in zip(tokens.starts, tokens.ends, strict=True) for i in range(start, end)}
    assert letters("".join(c for i, c in enumerate(text) if i not in covered and c != alignment.SPACE)) == ""
    cells = heatmap.cells(text, tokens)
    assert heatmap.shown_text(text, cells) == text[: tokens.end]
    assert not text[tokens.end :].strip() or letters(text[tokens.end :]) == ""
    assert sorted(p for cell in cells for p in cell.positions) == list(range(len(tokens)))


@pytest.mark.parametrize("kind", FAST)
def test_the_text_shown_is_the_input_text(kind: str) -> None:
    """Accents, scripts, emoji of several characters, white space, ligatures, and what the vocabulary lacks."""
    classifier = with_tokenizer(FAST[kind]())
    for text in TEXTS:
        if text.strip() or classifier.tokenizer.num_special_tokens_to_add():
            check(text, inference.encode(classifier, text))


@pytest.mark.parametrize("kind", SLOW)
def test_the_text_shown_is_the_input_text_without_offsets_of_the_tokenizer(kind: str, tmp_path: Path) -> None:
    tokenizer = SLOW[kind](tmp_path)
    assert not tokenizer.is_fast
    classifier = with_tokenizer(tokenizer)
    if kind == "characters":
        classifier.model.get_input_embeddings().num_embeddings = 0x110000  # any character is a token
    for text in TEXTS:
        if tokenizer(text)["input_ids"]:
            check(text, inference.encode(classifier, text))


@pytest.mark.parametrize("kind", FAST)
@settings(max_examples=150)
@given(text=MIXED)
def test_found_offsets_are_those_that_the_tokenizer_tells(kind: str, text: str) -> None:
    """A fast tokenizer, read as if it told none: every token gets the letters that it says itself."""
    tokenizer = FAST[kind]()
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    strings = tokenizer.tokenize(text)
    found = alignment.align(text, strings, tokenize=tokenizer.tokenize, unknown=tokenizer.unk_token)
    assert found is not None
    for string, (start, end), (first, last) in zip(strings, found, encoded["offset_mapping"], strict=True):
        if string != alignment.SPACE:  # of one before the text it tells the first character
            assert letters(text[start:end].replace("▁", " ")) == letters(text[first:last].replace("▁", " ")), strings
