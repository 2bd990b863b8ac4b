"""alignment and encoding: the text shown is the input text, whatever kind of tokenizer reads it."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
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

from reportgen.core.errors import ModelError
from reportgen.core.nouns.records import Tokens
from reportgen.model.classifier import Classifier
from reportgen.model.reading import forward_pass
from reportgen.model.tokenizing.tokens import BYTE, SPACE, align, encode, fades, fold
from reportgen.report import heatmap
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
        max([*tokenizer.convert_tokens_to_ids(tokenizer.tokenize("a")), 2000]), mean_resizing=False
    )
    return replace(tiny.classifier(model), tokenizer=tokenizer, max_length=max_length)


def letters(text: str) -> str:
    """What no tokenizer drops or changes."""
    return "".join(key for character in text for key in fold(character) if not fades(key))


def check(text: str, tokens: Tokens) -> None:
    """Offsets ascend, lie in the text, cover what is to be read; and the heatmap's text is the text."""
    last = 0
    for start, end, special in zip(tokens.starts, tokens.ends, tokens.special, strict=True):
        assert start == end if special else last <= start <= end <= len(text)
        last = last if special else start
    covered = {i for start, end in zip(tokens.starts, tokens.ends, strict=True) for i in range(start, end)}
    assert letters("".join(c for i, c in enumerate(text) if i not in covered and c != SPACE)) == ""
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
            check(text, encode(classifier, text))


@pytest.mark.parametrize("kind", SLOW)
def test_the_text_shown_is_the_input_text_without_offsets_of_the_tokenizer(kind: str, tmp_path: Path) -> None:
    tokenizer = SLOW[kind](tmp_path)
    assert not tokenizer.is_fast
    classifier = with_tokenizer(tokenizer)
    if kind == "characters":
        classifier.model.get_input_embeddings().num_embeddings = 0x110000  # any character is a token
    for text in TEXTS:
        if tokenizer(text)["input_ids"]:
            check(text, encode(classifier, text))


@pytest.mark.parametrize("kind", FAST)
@given(text=MIXED)
def test_found_offsets_are_those_that_the_tokenizer_tells(kind: str, text: str) -> None:
    """A fast tokenizer, read as if it told none: every token gets the letters that it says itself."""
    tokenizer = FAST[kind]()
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    strings = tokenizer.tokenize(text)
    found = align(text, strings, tokenize=tokenizer.tokenize, unknown=tokenizer.unk_token)
    assert found is not None
    for string, (start, end), (first, last) in zip(strings, found, encoded["offset_mapping"], strict=True):
        told = letters(text[first:last].replace("▁", " "))
        if (
            string != SPACE and told
        ):  # of a space before the text it tells the first character, of \ufb01\u0301 the accent
            assert letters(text[start:end].replace("▁", " ")) == told, strings


@given(text=MIXED, lower=st.booleans())
def test_word_pieces_of_a_slow_tokenizer_stand_where_its_fast_form_says(text: str, lower: bool) -> None:
    """Lower case, accents stripped, words cut at signs and ideographs, unknown words and pieces of them."""
    slow, quick = both_berts(lower)
    encoded = quick(text, add_special_tokens=False, return_offsets_mapping=True)
    strings = slow.tokenize(text)
    assume(strings == quick.convert_ids_to_tokens(encoded["input_ids"]))  # they differ in a few marks
    found = align(text, strings, tokenize=slow.tokenize, unknown="[UNK]")
    assert found is not None
    for (start, end), (first, last) in zip(found, encoded["offset_mapping"], strict=True):
        assert letters(text[start:end]) == letters(text[first:last])


@cache
def both_berts(lower: bool) -> tuple[BertTokenizerLegacy, BertTokenizer]:
    with tempfile.TemporaryDirectory() as folder:
        slow = slow_bert(Path(folder), do_lower_case=lower)
    return slow, BertTokenizer(vocab={w: i for i, w in enumerate(word_pieces())}, do_lower_case=lower)


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_pieces_of_sentencepiece_stand_where_it_says_itself(model_type: str, tmp_path: Path) -> None:
    """Its own offsets count bytes."""
    tokenizer = slow_sentencepiece(tmp_path, model_type=model_type)
    for text in TEXTS[:9]:
        strings = tokenizer.tokenize(text)
        found = align(text, strings, tokenize=tokenizer.tokenize, unknown=tokenizer.unk_token)
        pieces = tokenizer.sp_model.encode(text, return_type="proto").pieces
        assert found is not None
        assert [piece.piece for piece in pieces] == strings
        for piece, (start, end) in zip(pieces, found, strict=True):
            if not BYTE.fullmatch(piece.piece):
                told = text.encode()[piece.begin : piece.end].decode()
                assert letters(told) in ("", letters(text[start:end]))  # the first of two in a ligature gets none


# by hand


def place(
    text: str, *strings: str, parts: dict[str, list[str]] | None = None, unknown: str = "[UNK]"
) -> list[str] | None:
    """The characters of each token; *parts* is what the tokenizer makes of parts of the text."""
    found = align(text, strings, tokenize=lambda part: (parts or {}).get(part, ["?"]), unknown=unknown)
    return None if found is None else [text[start:end] for start, end in found]


def test_tokens_are_laid_along_the_text_past_what_tokenizers_change() -> None:
    assert place("Él  dijo", "el", "di", "##jo") == ["Él", "di", "jo"]
    assert place("a  b", "▁a", "▁", "▁b") == ["a", " ", "b"]
    assert place("ﬁx", "f", "i", "x") == ["ﬁ", "ﬁ", "x"]
    assert place("é!", "<0xC3>", "<0xA9>", "!") == ["é", "é", "!"]
    assert place("é!", "Ã", "©", "!") == ["é", "é", "!"]  # bytes as GPT-2 writes them
    assert place("no\u200bw", "no@@", "w") == ["no", "w"]
    assert place("now then", "no", "w</w>", "then</w>") == ["no", "w", "then"]


def test_an_unknown_token_stands_for_what_its_neighbours_leave() -> None:
    assert place("a ☃, b", "a", "[UNK]", ",", "b") == ["a", "☃", ",", "b"]
    assert place("☃☁", "[UNK]", "[UNK]") == ["☃", "☁"]
    assert place("a ☃\u0301 b", "a", "[UNK]", "b") == ["a", "☃\u0301", "b"]


def test_where_several_places_are_possible_the_tokenizer_is_asked() -> None:
    """Which of two signs is the first unknown word, told by the tokens of the words alone."""
    parts = {"☃☁": ["[UNK]"], " ☂": ["[UNK]"]}
    assert place("☃☁ ☂", "[UNK]", "[UNK]", parts=parts) == ["☃☁", "☂"]
    parts = {"☃": ["[UNK]"], " ☁☂": ["[UNK]"]}
    assert place("☃ ☁☂", "[UNK]", "[UNK]", parts=parts) == ["☃", "☁☂"]
    assert place("日☃☁", "[UNK]", "[UNK]", parts={"日": ["[UNK]"], "☃☁": ["[UNK]"]}) == ["日", "☃☁"]


def test_pieces_of_a_word_that_was_rewritten_stand_for_the_whole_word() -> None:
    parts = {"see": ["see"], " 👍": [":thumbs", "up:"], " there": ["there"]}
    assert place("see 👍 there", "see", ":thumbs", "up:", "there", parts=parts) == ["see", "👍", "👍", "there"]
    assert place("☃☁☂", "[UNK]", "[UNK]") == ["☃☁☂"] * 2
    assert place("☃\u0301☁", "[UNK]", "[UNK]") == ["☃\u0301☁"] * 2  # the accent may be a piece of its own
    assert place("☃▁☁", "[UNK]", "[UNK]") == ["☃▁☁"] * 2


def test_a_piece_that_shows_nothing_stands_between_those_that_do() -> None:
    assert align("ﬁ", ["f", "\u0301", "i"], tokenize=list, unknown=None) == [(0, 1), (0, 0), (0, 1)]
    assert align("ab", ["a", "\u0301", "b"], tokenize=list, unknown=None) == [(0, 1), (1, 1), (1, 2)]


def test_what_stays_open_has_no_offsets() -> None:
    """Never wrong ones: several ways, letters that are not there, letters left over."""
    assert place("☃ ☁☂", "[UNK]", "[UNK]") is None
    assert place("a ☃ ☁ b", "a", "[UNK]", "b") is None
    assert place("one two", "one", "too") is None
    assert place("one two", "one") is None
    assert place("one two", "one", "two", "three") is None
    assert place("x" * 101, "y") is None


# in whole


class Rewriting(PreTrainedTokenizer):
    """Gives other words than the text has, two for every three."""

    vocab_size = 9

    def get_vocab(self) -> dict[str, int]:
        return {"<unk>": 8}

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return ["word"] * (2 * len(text.split()) // 3)

    def _convert_token_to_id(self, token: str) -> int:
        return len(token)

    def _convert_id_to_token(self, index: int) -> str:
        return "word"


def test_tokens_that_cannot_be_traced_to_the_text_are_refused() -> None:
    classifier = with_tokenizer(Rewriting(unk_token="<unk>"))
    with pytest.raises(ModelError, match="the characters of a token, and reportgen cannot find them") as caught:
        encode(classifier, "one two three")
    assert caught.value.exit_code == 4
    assert "tokenizer.json" in str(caught.value.hint)


def test_a_slow_tokenizer_cuts_and_counts_as_a_fast_one(tmp_path: Path) -> None:
    """The same ids, characters and total of a text that is too long, special tokens at both ends."""
    options = {"max_length": 12}
    slow = encode(with_tokenizer(slow_bert(tmp_path), **options), "the heads, the ☃ thé heads, the heads!")
    names = {w: i for i, w in enumerate(word_pieces())}
    quick = encode(with_tokenizer(BertTokenizer(vocab=names), **options), "the heads, the ☃ thé heads, the heads!")
    assert slow == replace(quick, types=())  # its class names no token types
    assert (len(slow), slow.special[0], slow.special[-1]) == (12, True, True)
    assert slow.total > 12
    assert slow.strings[6:8] == ("[UNK]", "the")


def test_the_first_tokens_are_kept_whatever_side_the_tokenizer_cuts(tmp_path: Path) -> None:
    """Some are saved so that they keep the last; the report says that it shows the first."""
    tiny.save(tiny.dense("bert"), tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "truncation_side": "left"}))
    document = encode(tiny.load(tmp_path, max_length=5), "the heads of the document")
    assert document.strings == ("<s>", "the", "Ġheads", "Ġof", "</s>")


def test_a_tokenizer_of_bytes_is_loaded_and_read(tmp_path: Path) -> None:
    """From disk, by its class: without a tokenizer.json, as its model has it."""
    tiny.dense("bert").save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))
    classifier = tiny.load(tmp_path)
    document = encode(classifier, "é a")
    assert (document.starts, document.ends) == ((0, 0, 1, 2, 0), (1, 1, 2, 3, 0))
    assert document.blank == (False, False, True, False, True)
    assert forward_pass.predict_logits(classifier, [document]).shape == (1, 2)


@pytest.mark.parametrize(("kind", "library"), [("XLMTokenizer", "sacremoses"), ("GPTSw3Tokenizer", "sentencepiece")])
def test_a_tokenizer_that_needs_a_library_says_which(kind: str, library: str, tmp_path: Path) -> None:
    """Exit code 4 instead of an import error."""
    if importlib.util.find_spec(library):
        pytest.skip(f"{library} is installed")
    tiny.dense("bert").save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    files = {"vocab.json": '{"<unk>": 0}', "merges.txt": "#version: 0.2\n", "spiece.model": "x"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ModelError, match=f"(?is)needs a library that is not installed: .*{library}") as caught:
        tiny.load(tmp_path)
    assert caught.value.exit_code == 4


def test_a_space_that_the_tokenizer_puts_before_the_text_has_no_characters() -> None:
    """It says of it that it stands for the first letter, which has a token of its own."""
    classifier = with_tokenizer(byte_fallback())
    document = encode(classifier, "B x")
    assert document.strings == ("<s>", "▁", "<0x42>", "▁", "<0x78>", "</s>")
    assert [("B x")[start:end] for start, end in zip(document.starts, document.ends, strict=True)] == [
        "",
        "",
        "B",
        " ",
        "x",
        "",
    ]
    assert document.content.tolist() == [False, False, True, False, True, False]


def test_white_space_at_the_edges_belongs_to_no_token() -> None:
    """A tokenizer of SentencePiece counts the space before a word to it."""
    document = encode(with_tokenizer(unigram()), "the  heads of")
    words = [("the  heads of")[start:end] for start, end in zip(document.starts, document.ends, strict=True)]
    assert all(word == word.strip() for word in words if word.strip())
    assert "".join(words).replace(" ", "") == "theheadsof"


def composing() -> PreTrainedTokenizerFast:
    """As in ModernBERT and Qwen: NFC, so that a letter and its accent are one character; it says the letter alone."""
    model = Tokenizer(models.WordLevel({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "caf\u00e9": 4, "x": 5}, "<unk>"))
    model.normalizer = normalizers.NFC()
    model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return fast(model)


def test_an_accent_belongs_to_its_letter_though_the_tokenizer_leaves_it_out() -> None:
    """Otherwise the table says "cafe", and the page breaks between a letter and its accent."""
    text = "cafe\u0301 x"
    tokenizer = composing()
    assert tokenizer(text, return_offsets_mapping=True)["offset_mapping"][1] == (0, 4)
    document = encode(with_tokenizer(tokenizer), text)
    assert [text[start:end] for start, end in zip(document.starts, document.ends, strict=True)] == [
        "",
        "cafe\u0301",
        "x",
        "",
    ]
    cut = replace(with_tokenizer(tokenizer), max_length=3)  # what follows is not read, so it is not known whose it is
    assert encode(cut, "x cafe\u0301 x").ends[1:] == (1, 0)
    assert encode(replace(cut, max_length=4), "x cafe\u0301 x").ends[1:3] == (1, 6)
