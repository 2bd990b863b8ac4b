"""other_reading: where transformers' own pipeline has other tokens, and what the model then says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, XLNetTokenizer

from reportgen.core.nouns.records import OtherReading, Prediction
from reportgen.model.classifier import Classifier
from reportgen.model.reading import forward_pass
from reportgen.model.reading.pipeline_reading import other_reading
from reportgen.model.tokenizing import tokenizer
from reportgen.model.tokenizing.tokens import encode
from tests import batches, tiny
from tests.cli.test_cli import call
from tests.model.tokenizing.test_tokenizer import edit, folder, own

TEXT = "The HEADS of there"
KINDS = {  # model type, algorithm, class: what transformers 5.23 builds otherwise
    "Longformer": ("longformer", "BPE", "LongformerTokenizerFast"),
    "XLM-RoBERTa": ("xlm-roberta", "Unigram", "XLMRobertaTokenizer"),
    "ELECTRA": ("electra", "WordPiece", "ElectraTokenizer"),
}


def saved(path: Path, kind: str, algorithm: str, name: str) -> Path:
    """A classifier whose tokenizer.json lowers letters and cuts at letters, and whose class does not."""
    more = {"embedding_size": 16} if kind == "electra" else {}
    tiny.save(tiny.longformer() if kind == "longformer" else tiny.dense(kind, **more), path)
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
    folder(path, own(algorithm), tokenizer_class=name, **names)
    return path


def reading(classifier: Classifier, text: str, **how: Any) -> OtherReading | None:
    whole = how.get("long") == "window"
    tokens = encode(classifier, text, whole=whole)
    return other_reading(classifier, text, tokens, **{"long": "cut", "stride": None, **how})


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_token_that_differs_and_both_predictions_are_named(kind: str, tmp_path: Path) -> None:
    """As AutoTokenizer and AutoModelForSequenceClassification say, reportgen not involved."""
    path = saved(tmp_path, *KINDS[kind])
    found = reading(tiny.load(path), TEXT)
    built = AutoTokenizer.from_pretrained(path)
    its = built(TEXT)["input_ids"]
    told = tokenizer.Tokenizer.from_file(str(path / "tokenizer.json")).encode(TEXT).ids
    position = next(p for p, (mine, other) in enumerate(zip(told, its, strict=False)) if mine != other)
    assert found is not None
    assert (found.position, found.types) == (position, None)
    assert (found.own, found.other) == tuple(built.convert_ids_to_tokens([told[position], its[position]]))
    model = AutoModelForSequenceClassification.from_pretrained(path).eval()
    with torch.no_grad():
        right = model(input_ids=torch.tensor([its])).logits.softmax(-1)[0].tolist()
    assert isinstance(found.prediction, Prediction)
    assert found.prediction.probabilities == pytest.approx(right, abs=1e-5)


def test_a_document_that_both_read_alike_costs_no_second_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokenizers differ, the tokens of this text do not."""
    classifier = tiny.load(saved(tmp_path, *KINDS["ELECTRA"]))
    assert reading(classifier, TEXT) is not None
    monkeypatch.setattr(forward_pass, "predict_logits", None)  # it cannot be called
    assert reading(classifier, "of") is None


def test_the_same_tokenizer_is_found_once_and_remembered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The next run does not load a second tokenizer; another tokenizer.json is looked at anew."""
    assert reading(tiny.load(folder), "the heads") is None
    asked: list[object] = []
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda *given, **_: asked.append(given))
    assert reading(tiny.load(folder), "the heads") is None
    assert asked == []
    edit(folder / "tokenizer.json", normalizer={"type": "NFC"})
    with pytest.raises(AttributeError):  # what the list gave is no tokenizer
        reading(tiny.load(folder), "the heads")
    assert len(asked) == 1


def test_a_tokenizer_that_transformers_cannot_build_is_nothing_to_compare_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("no such class")

    classifier = tiny.load(folder)
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", fails)
    assert reading(classifier, "the heads") is None


def test_a_token_that_only_transformers_adds_and_the_model_lacks_is_named(folder: Path) -> None:
    """From tokenizer_config.json: the pipeline ends with an error at this text, and the report says so."""
    added = {"content": "gather", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    edit(folder / "tokenizer_config.json", added_tokens_decoder={"300": {**added, "special": True}})
    classifier = tiny.load(folder)
    assert reading(classifier, "the heads") is None
    found = reading(classifier, "gather heads")
    assert found is not None
    assert (found.other, found.types) == ("gather", None)
    assert "returns token 300; the model has 300 tokens" in str(found.prediction)


def test_token_types_that_transformers_leaves_out_are_named(tmp_path: Path) -> None:
    """XLNet: its class names no token types since version 5, so <cls> loses its segment."""
    names = ["<unk>", "<s>", "</s>", "<sep>", "<cls>", "<pad>", "<mask>", "\u2581of", "\u2581the", "\u2581"]
    tiny.dense("xlnet").save_pretrained(tmp_path)
    XLNetTokenizer(vocab=[(name, 0.0) for name in names]).save_pretrained(tmp_path)
    found = reading(tiny.load(tmp_path), "of the")
    assert found is not None
    assert (found.position, found.own, found.other, found.types) == (3, "<cls>", "<cls>", (2, None))


def test_a_text_in_windows_is_predicted_in_windows(tmp_path: Path) -> None:
    """The mean over the windows of transformers' tokens; a text that is cut is cut at the same length."""
    classifier = tiny.load(saved(tmp_path, *KINDS["ELECTRA"]), max_length=12)
    text = "The HEADS of there 12 " * 4
    built = AutoTokenizer.from_pretrained(tmp_path)
    its = replace(classifier, tokenizer=built)
    cut = reading(classifier, text)
    assert cut is not None
    assert isinstance(cut.prediction, Prediction)
    ids = built(text, truncation=True, max_length=12)["input_ids"]
    model = classifier.model
    with torch.no_grad():
        right = model(input_ids=torch.tensor([ids])).logits[0].tolist()
    assert cut.prediction.logits == pytest.approx(right, abs=1e-5)
    whole = reading(classifier, text, long="window")
    assert whole is not None
    assert isinstance(whole.prediction, Prediction)
    inner = encode(its, text, whole=True).ids[1:-1]
    starts = [*range(0, len(inner) - 10, 5), len(inner) - 10]
    with torch.no_grad():
        windows = [model(input_ids=torch.tensor([[ids[0], *inner[s : s + 10], ids[-1]]])).logits[0] for s in starts]
    assert whole.prediction.logits == pytest.approx(torch.stack(windows).mean(dim=0).tolist(), abs=1e-5)


def test_every_report_of_a_batch_has_the_warning_of_its_own_document(tmp_path: Path) -> None:
    """One row that both read alike, and one that transformers reads otherwise."""
    path = saved(tmp_path / "model", *KINDS["ELECTRA"])
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"id": text, "text": text}) + "\n" for text in ("of", TEXT)))
    made = batches.make(batches.config(path, data, tmp_path / "out"))
    assert made.made == 2
    said = [json.loads(p.read_text())["warnings"] for p in sorted((tmp_path / "out").glob("*/report.json"))]
    told = [[each["message"] for each in one if each["code"] == "other-tokens"] for one in said]
    assert sorted(map(len, told)) == [0, 1]
    assert "they build BertTokenizer from its class" in max(told)[0]


def test_the_warning_is_on_stderr_in_the_page_and_in_report_json(here: Path) -> None:
    """Whoever looks at one of them finds it; `--strict` makes it exit code 10."""
    path = saved(here / "model", *KINDS["Longformer"])
    given = ("run", "--model", str(path), "--text", TEXT, "--format", "html", "-o")
    made = call(*given, "out")
    assert made.exit_code == 0
    (told,) = json.loads((here / "out/report.json").read_text())["warnings"]
    assert told["code"] == "other-tokens"
    assert f"warning: {told['message']}" in made.stderr
    assert (
        "AutoTokenizer and pipeline() of transformers read this text differently"
        in (here / "out/report.html").read_text()
    )
    assert call(*given, "strict", "--strict").exit_code == 10


@pytest.mark.parametrize(("kind", "file"), [("deberta-v2", "spm.model"), ("big_bird", "spiece.model")])
def test_a_sentencepiece_model_alone_is_read_with_its_normalizer(kind: str, file: str, tmp_path: Path) -> None:
    """Where transformers leaves it out, ligatures and full-width letters are unknown; the difference is named."""
    sentencepiece = pytest.importorskip("sentencepiece")
    pytest.importorskip("google.protobuf")
    names = ["[CLS]", "[SEP]", "[MASK]", "<pad>"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a fine flow of the office in full width"] * 50), model_prefix=str(tmp_path / "own"),
        vocab_size=40, hard_vocab_limit=False, user_defined_symbols=names, minloglevel=2,
    )  # fmt: skip
    more = {"attention_type": "original_full"} if kind == "big_bird" else {}
    tiny.dense(kind, **more).save_pretrained(tmp_path / "model")
    (tmp_path / "own.model").rename(tmp_path / "model" / file)
    own = sentencepiece.SentencePieceProcessor(str(tmp_path / "model" / file))
    classifier = tiny.load(tmp_path / "model")
    text = "\ufb01ne \uff46\uff55\uff4c\uff4c flow"
    read = encode(classifier, text)
    assert list(read.strings[1:-1]) == own.encode(text, out_type=str)
    places = zip(read.starts, read.ends, strict=True)
    assert {text[start:end] for start, end in places} >= {"\uff55", "w"}
    found = reading(classifier, text)
    built = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert found is not None
    its = built.convert_ids_to_tokens(built(text)["input_ids"])
    assert (found.own, found.other) == (read.strings[1], its[1])
    assert its.count("<unk>") > 1
    assert reading(classifier, "the full flow") is None
