"""Every number of a corpus, computed again by pandas alone from the Parquet files of its reports.

Nothing of reportgen computes here, and no other file of a report is read; scipy knows the distributions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reportgen.core.clock import Clock
from reportgen.corpus import frames, gather, sums
from reportgen.corpus.gather import Corpus
from reportgen.corpus.shown import present
from tests import corpora

SPECIAL, NEAR, FIRST, FEW = ("<s>", "</s>"), 8, 4, 5
SUPPORT = 3
STOP = {"the", "of", "is", "and"}
SIGNS = set("#.!")
SAID = ["index", "id", "title", "label", "predicted", "probability", "verdict", "tokens", "read"]
SAID = ["index", "id", "title", "label", "predicted", "probability", "verdict", "tokens", "read"]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpora.batch(tmp_path_factory.mktemp("batch"))


@pytest.fixture(scope="module")
def found(batch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPORTGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(gather, "CHUNK", 5)
        yield gather.gather(batch, clock=Clock(), engine=gather.here(1))


@pytest.fixture(scope="module")
def files(found: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "SUPPORT", SUPPORT)  # of twelve documents four are wrong
        for name, content in present.data_files(found).items():
            (folder / name).write_bytes(content)
    return folder


class Document:
    """A report as its tables have it."""

    def __init__(self, folder: Path) -> None:
        tables = {path.stem: pd.read_parquet(path) for path in folder.glob("tables/*.parquet")}
        self.name = folder.name
        self.attention, self.attended = tables["token_attention"], tables["attended_tokens"]
        self.importance = tables["heads"].set_index(["layer", "head"])["importance"].astype(float)
        self.tested = tables.get("faithfulness")
        (self.row,) = (row for _, row in tables["report"].iterrows())
        labels = tables["labels"]
        best = labels.loc[labels["probability"].idxmax()]
        gold = labels.loc[labels["gold"].eq(True), "label"]
        self.probability, self.predicted = best["probability"], best["label"]
        self.label = None if gold.empty else gold.item()
        self.verdict = "unknown" if self.label is None else "right" if self.label == self.predicted else "wrong"
        self.all_attention = "none" if self.tested is None else self.row["all_attention"]
        tokens = self.tokens = tables["tokens"]
        tokens["text"] = tokens["text"].astype(str)
        tokens["special"] = tokens["token"].isin(SPECIAL)
        tokens["word"] = tokens["text"].str.casefold()
        tokens["sign"] = tokens["text"].isin(SIGNS) & ~tokens["special"]
        tokens["stop"] = tokens["word"].isin(STOP) & ~tokens["special"]
        tokens["relative"] = tokens["score"] / tokens.loc[~tokens["special"], "score"].mean()
        heading = tokens.index[tokens["text"] == "Results"].item() - 1
        tokens["section"] = np.where(tokens.index >= heading, "results", "data")


@pytest.fixture(scope="module")
def documents(batch: Path) -> list[Document]:
    return [Document(folder) for folder in sorted(batch.iterdir())]


def summed(values: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Documents, sum and mean of "value" by *keys*, with Student's interval."""
    by = values.groupby(keys)["value"].agg(["count", "sum", "mean", "std"]).reset_index()
    half = stats.t.ppf(0.975, by["count"].clip(lower=2) - 1) * by["std"] / np.sqrt(by["count"])
    return by.assign(low=by["mean"] - half, high=by["mean"] + half)


def assert_same(files: Path, name: str, expected: pd.DataFrame, *, rtol: float = 2e-5) -> None:
    """The file has these keys, documents, means and intervals, and no others."""
    keys = list(sums.KEYS[name])
    made = pd.read_parquet(files / f"{name}.parquet").sort_values(keys).reset_index(drop=True)
    wanted = summed(expected, keys).sort_values(keys).reset_index(drop=True)
    pd.testing.assert_frame_equal(made[keys], wanted[keys], check_dtype=False)
    np.testing.assert_array_equal(made["documents"], wanted["count"])
    np.testing.assert_allclose(made["total"], wanted["sum"], rtol=rtol, atol=1e-7)
    for end in ("mean", "low", "high"):
        np.testing.assert_allclose(made[end], wanted[end], rtol=rtol, atol=2e-5)


def test_documents(files: Path, documents: list[Document]) -> None:
    made = pd.read_parquet(files / "documents.parquet").set_index("document")
    assert len(made) == corpora.COUNT
    for one in documents:
        row = made.loc[one.name]
        assert (row["predicted"], row["verdict"], row["read"]) == (one.predicted, one.verdict, len(one.tokens))
        assert row["label"] == one.label or one.label is None
        assert row["probability"] == pytest.approx(one.probability)
        content = one.tokens[~one.tokens["special"] & ~one.tokens["sign"] & ~one.tokens["stop"]]
        best = content.groupby("word")["relative"].max().sort_values(ascending=False)
        assert list(row["words"]) == list(best.index[:10])
        assert row["tokens"] == one.row["tokens"]
        assert one.row[SAID].equals(row[SAID]), "the report's own row says the same"


def test_verdicts_confusion_and_lengths(files: Path, documents: list[Document]) -> None:
    rows = [
        {"predicted": one.predicted, "verdict": one.verdict, "value": 1.0, "all_attention": one.all_attention}
        for one in documents
    ]
    assert_same(files, "verdicts", pd.DataFrame(rows))
    cells = [{"label": one.label, "predicted": one.predicted, "value": 1.0} for one in documents if one.label]
    assert_same(files, "confusion", pd.DataFrame(cells))
    total = [one.row["tokens"] for one in documents]
    lengths = [{"measure": "tokens", "bin": int(math.log2(n) * 4), "value": float(n)} for n in total]
    share = [len(one.tokens) / n for one, n in zip(documents, total, strict=True)]
    lengths += [{"measure": "read", "bin": int(value * 10), "value": value} for value in share]
    assert_same(files, "lengths", pd.DataFrame(lengths))


def test_calibration(files: Path, documents: list[Document]) -> None:
    known = [one for one in documents if one.label is not None]
    rows: list[dict[str, Any]] = []
    for one in known:
        place = {"bin": int(one.probability * 10)}
        rows.append({**place, "measure": "confidence", "value": one.probability})
        rows.append({**place, "measure": "gap", "value": (one.verdict == "right") - one.probability})
    assert_same(files, "calibration", pd.DataFrame(rows))
    gaps = pd.DataFrame(rows).query("measure == 'gap'")
    error = gaps.groupby("bin")["value"].sum().abs().sum() / len(known)
    made = pd.read_parquet(files / "calibration_error.parquet").iloc[0]
    assert (made["mean"], made["documents"]) == (pytest.approx(error), len(known))
    bins = pd.read_parquet(files / "reliability.parquet").set_index("bin")
    for bin_, each in pd.DataFrame({"bin": [int(o.probability * 10) for o in known],
                                    "right": [o.verdict == "right" for o in known]}).groupby("bin"):  # fmt: skip
        expected = stats.binomtest(int(each["right"].sum()), len(each)).proportion_ci(method="wilson")
        row = bins.loc[bin_]
        assert (row["share"], row["low"], row["high"]) == pytest.approx(
            (each["right"].mean(), expected.low, expected.high)
        )


def test_words(files: Path, documents: list[Document]) -> None:
    parts = []
    for one in documents:
        words = one.tokens[~one.tokens["special"] & ~one.tokens["sign"]]
        mean = words.groupby(["word", "stop"])["relative"].mean().rename("value").reset_index()
        parts.append(mean.assign(predicted=one.predicted, verdict=one.verdict))
    whole = pd.concat(parts)
    assert_same(files, "words", whole)
    made = pd.read_parquet(files / "separating_words.parquet").set_index("word")
    compared = {}
    for word, each in whole[~whole["stop"]].groupby("word"):
        right, wrong = (each.loc[each["verdict"] == verdict, "value"] for verdict in ("right", "wrong"))
        if min(len(right), len(wrong)) >= SUPPORT:
            test = stats.ttest_ind(wrong, right, equal_var=False)
            compared[word] = test.pvalue
            row = made.loc[word]
            ends = test.confidence_interval()
            assert (row["difference"], row["low"], row["high"], row["p"]) == pytest.approx(
                (wrong.mean() - right.mean(), ends.low, ends.high, test.pvalue), rel=2e-4, abs=2e-5
            )
    assert compared.keys() == set(made.index)
    q = dict(zip(compared, stats.false_discovery_control(list(compared.values())), strict=True))
    assert made["q"].to_dict() == pytest.approx(q, rel=2e-4)


def shares(one: Document, weights: Any, name: str) -> pd.DataFrame:
    """The attention of each layer on classes of tokens, and on tenths of the document."""
    rows: list[tuple[Any, ...]] = []
    table = one.attention.assign(weight=weights)
    by = table.groupby(["layer", "position"])["weight"].sum().unstack()
    tokens = one.tokens
    classes = {"special": tokens["special"], "first": tokens["position"] < FIRST, "punctuation": tokens["sign"],
               "stop words": tokens["stop"]}  # fmt: skip
    for layer, row in by.iterrows():
        for kind, flags in classes.items():
            rows.append(("layers", name, kind, layer, None, row[flags.to_numpy()].sum() / row.sum()))
        content = row[~tokens["special"].to_numpy()]
        tenths = content.groupby(content.index * 10 // len(tokens) + 1).sum() / content.sum()
        rows += [("positions", name, None, layer, tenth, value) for tenth, value in tenths.items()]
    return pd.DataFrame(rows, columns=["table", "measure", "class", "layer", "decile", "value"])


def test_positions_and_classes_of_tokens(files: Path, documents: list[Document]) -> None:
    parts = []
    for one in documents:
        received = one.attention["received"].astype(float)
        parts += [shares(one, received, "received"), shares(one, received / one.attention["seen"], "per query")]
    whole = pd.concat(parts)
    assert_same(files, "layers", whole[whole["table"] == "layers"])
    assert_same(files, "positions", whole[whole["table"] == "positions"].astype({"decile": int}))


def of_heads(one: Document) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measures, roles and words of each head of a document."""
    tokens, count = one.tokens, len(one.tokens)
    rows, roles, words = [], [], []
    for (layer, head), each in one.attention.groupby(["layer", "head"]):
        received = each.sort_values("position")["received"].astype(float).to_numpy()
        share = received / received.sum()
        known = {
            "special": share[tokens["special"]].sum(),
            "first": share[:FIRST].sum(),
            "punctuation": share[tokens["sign"]].sum(),
            "stop words": share[tokens["stop"]].sum(),
            "global": share[tokens["global"]].sum(),
            "entropy": stats.entropy(share) / math.log(count),
            "importance": one.importance[layer, head],
        }
        lists = one.attended[(one.attended["layer"] == layer) & (one.attended["head"] == head)]
        weight = lists["attention_scores"].astype(float) / one.importance[layer, head]
        away = lists["token_position"] - lists["self_position"]
        for name, where in {"self": away == 0, "previous": away == -1, "next": away == 1,
                            "near": away.abs() <= NEAR}.items():  # fmt: skip
            known[name] = weight[where].sum() / count
        content = ~(tokens["special"] | tokens["sign"] | tokens["stop"])
        by_word = pd.Series(share).groupby(tokens["word"].where(content)).sum()
        first = by_word.sort_values(ascending=False)
        known["words"] = first[:FEW].sum()
        even = {"previous": 1 / count, "next": 1 / count, "self": 1 / count, "special": tokens["special"].mean(),
                "punctuation": tokens["sign"].mean(), "near": min(1, (2 * NEAR + 1) / count),
                "words": tokens["word"].where(content).isin(first.index[:FEW]).mean()}  # fmt: skip
        beyond = {
            name: known[name] - even[name] for name in ("previous", "next", "self", "special", "punctuation", "words")
        }
        best = max(beyond, key=lambda name: beyond[name])
        named = {"previous": "previous token", "next": "next token", "self": "itself", "special": "special tokens",
                 "punctuation": "punctuation", "words": "particular words"}  # fmt: skip
        role = named[best] if beyond[best] >= 0.2 else "near tokens" if known["near"] - even["near"] >= 0.2 else "broad"
        rows += [(name, layer, head, value) for name, value in known.items()]
        roles.append((layer, head, role, 1.0))
        words += [(layer, head, word, value) for word, value in first[:3].items()]
    return (
        pd.DataFrame(rows, columns=["measure", "layer", "head", "value"]),
        pd.DataFrame(roles, columns=["layer", "head", "role", "value"]),
        pd.DataFrame(words, columns=["layer", "head", "word", "value"]),
    )


def test_heads_their_roles_and_their_words(files: Path, documents: list[Document]) -> None:
    measures, roles, words = (pd.concat(parts) for parts in zip(*map(of_heads, documents), strict=True))
    assert_same(files, "heads", measures)
    assert_same(files, "roles", roles)
    assert_same(files, "head_words", words)
    main = pd.read_parquet(files / "main_roles.parquet").set_index(["layer", "head"])
    counts = roles.groupby(["layer", "head", "role"]).size()
    for place, row in main.iterrows():
        assert row["having"] == counts[place].max() == counts[place][row["role"]]
        assert row["agreement"] == pytest.approx(row["having"] / len(documents))


def test_sections(files: Path, documents: list[Document]) -> None:
    rows = []
    for one in documents:
        content = one.tokens[~one.tokens["special"]]
        for section, each in content.groupby("section"):
            rows += [("attention", section, each["relative"].sum() / len(content)),
                     ("tokens", section, len(each) / len(content)),
                     ("ratio", section, each["relative"].mean())]  # fmt: skip
    assert_same(files, "sections", pd.DataFrame(rows, columns=["measure", "section", "value"]))


def test_the_test_of_heatmaps(files: Path, documents: list[Document]) -> None:
    curves, effects = [], []
    for one in documents:
        if one.tested is None:
            continue
        table = one.tested.assign(verdict=one.verdict)
        keys = ["measure", "operator", "order", "verdict", "share"]
        curves.append(table.groupby(keys)["probability"].mean().rename("value").reset_index())
        aopc = table.groupby(["measure", "operator", "order", "draw"])["aopc"].first().reset_index()
        random = aopc[aopc["order"] == "random"].groupby(["measure", "operator"])["aopc"].mean()
        own = aopc[aopc["order"] != "random"].set_index(["measure", "operator"])
        own["value"] = own["aopc"] - random.reindex(own.index)
        effects.append(own.reset_index().assign(verdict=one.verdict))
        made = pd.read_parquet(files / "documents.parquet").set_index("document").loc[one.name, "effect"]
        chosen = own[own["order"] == "all_attention"]["value"].loc["comprehensiveness", "delete"]
        assert made == pytest.approx(float(np.ravel(chosen)[0]), abs=1e-6)
    assert_same(files, "curves", pd.concat(curves))
    assert_same(files, "effects", pd.concat(effects))
