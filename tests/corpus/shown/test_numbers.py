"""Every number in the tables of a corpus page, computed again with pandas from the Parquet tables of its folder.

Those are computed again from the reports in `tests/corpus/test_recomputed.py`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reportgen.core.clock import Clock
from reportgen.corpus import frames, gather
from reportgen.corpus.heads import MEASURES
from reportgen.corpus.shown import chapters, present
from reportgen.corpus.shown.charts import PER_QUERY
from reportgen.report.faithfulness.names import ORDERS, WAYS
from tests import corpora

SUPPORT = 3
Rows = list[tuple[str, ...]]
Made = tuple[dict[str, Rows], dict[str, pd.DataFrame], str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The tables of the page by key, those of the folder by name, and all sentences and captions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPORTGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        for module in (frames, chapters):
            patch.setattr(module, "SUPPORT", SUPPORT)
        batch = corpora.batch(tmp_path_factory.mktemp("batch"))
        found = gather.gather(batch, clock=Clock(), engine=gather.here(1))
        parts = present.parts(found, Path("out"))
        files = {name: content for name, content in present.data_files(found).items() if name.endswith(".parquet")}
        data = {Path(name).stem: pd.read_parquet(io.BytesIO(content)) for name, content in files.items()}
        said = [*(one for each in parts.chapters for one in each.says), *(chart.caption for chart in parts.charts)]
        shown = {one.key: list(one.rows) for one in (*parts.tables, *(chart.data for chart in parts.charts))}
        yield shown, data, "\n".join(said)


def over(table: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Sums by fewer keys, with mean and Student's interval."""
    by = table.groupby(list(keys))[["documents", "total", "squares"]].sum().reset_index()
    n = by["documents"]
    by["mean"] = by["total"] / n
    spread = ((by["squares"] - by["total"] ** 2 / n) / (n - 1).clip(lower=1)).clip(lower=0)
    half = (stats.t.ppf(0.975, (n - 1).clip(lower=1)) * np.sqrt(spread / n)).where(n > 1)
    return by.assign(low=by["mean"] - half, high=by["mean"] + half)


def cell(row: Any, form: str = ".2f") -> str:
    """A mean with its interval, as the page writes it."""
    ends = "" if pd.isna(row["low"]) else f" ({row['low']:{form}} to {row['high']:{form}})"
    return f"{row['mean']:{form}}{ends}".replace("-", "−")


def by_verdict(table: pd.DataFrame, **keys: object) -> tuple[str, str]:
    """The cells of right and wrong documents."""
    own = table.loc[(table[list(keys)] == pd.Series(keys)).all(axis=1)].set_index("verdict")
    cells = {v: f"{cell(own.loc[v])}, {own.loc[v, 'documents']}" for v in own.index}
    return cells.get("right", ""), cells.get("wrong", "")


def test_counts(made: Made) -> None:
    shown, data, _ = made
    cells = data["confusion"].pivot_table(index="label", columns="predicted", values="documents", fill_value=0)
    assert shown["confusion"] == [(name, *(f"{n:.0f}" for n in row)) for name, row in cells.iterrows()]
    verdicts = data["verdicts"][data["verdicts"]["all_attention"] != "none"]
    counts = verdicts.groupby(["all_attention", "verdict"])["documents"].sum()
    assert shown["verdicts"] == [
        (code, *(str(counts.get((code, v), 0)) for v in ("right", "wrong", "unknown")), str(counts[code].sum()))
        for code in counts.index.unique(0)
    ]
    rows = data["documents"].sort_values(["probability", "document"], ascending=[False, True])
    listed = {key: each for key, each in shown.items() if key.startswith("list-")}
    assert sum(map(len, listed.values())) == len(rows)
    for (label, predicted), each in rows.dropna(subset="label").groupby(["label", "predicted"], sort=False):
        key = f"list-{label.encode().hex()}-{predicted.encode().hex()}"
        assert [row[:3] for row in listed[key]] == [
            (r.title, f"{r.probability:.1%}", f"{r.read}{f' of {r.tokens}' * (r.read < r.tokens)}")
            for r in each.itertuples()
        ]
    lengths = data["lengths"].query("measure == 'tokens'")
    assert [int(row[1]) for row in shown["lengths-data"] if row[1] != "0"] == lengths["documents"].tolist()
    assert shown["reliability-data"] == [
        (f"{r.bin / 10:.0%} to {(r.bin + 1) / 10:.0%}", str(r.documents), f"{r.confidence:.1%}", str(r.right),
         f"{r.share:.1%} ({r.low:.1%} to {r.high:.1%})")
        for r in data["reliability"].itertuples()
    ]  # fmt: skip


def test_words(made: Made) -> None:
    shown, data, _ = made
    kept = over(data["words"], "word", "stop", "predicted").query("documents >= @SUPPORT")
    parts = over(data["words"], "word", "predicted", "verdict")
    classes = data["documents"]["predicted"].value_counts()
    for key, stop in (("class-words", False), ("stop-words", True)):
        expected = []
        for name in sorted(classes.index, key=lambda name: (-classes[name], name)):
            own = kept[(kept["predicted"] == name) & (kept["stop"] == stop)]
            for _, row in own.sort_values(["total", "word"], ascending=[False, True]).head(15).iterrows():
                share = f"{row['documents'] / classes[name]:.0%} of {classes[name]}"
                ends = by_verdict(parts, word=row["word"], predicted=name)
                expected.append((name, row["word"], share, cell(row), *ends))
        assert shown[key] == expected
    drawn = [(row[0], row[1], row[3]) for row in shown["class-words"]]
    assert {(row[0], row[1], row[3]) for row in shown["words-data"]} <= set(drawn)
    separating = data["separating_words"]
    assert shown["separating-data"] == [
        (r.word, str(r.right), str(r.wrong),
         f"{r.difference:+.2f} ({r.low:+.2f} to {r.high:+.2f})".replace("-", "−"), f"{r.q:.2g}")
        for r in separating.itertuples()
    ]  # fmt: skip
    sections = over(data["sections"], "measure", "section").set_index(["measure", "section"])
    names = sections.loc["ratio"].reset_index().sort_values(["documents", "section"], ascending=[False, True])
    assert shown["sections-data"] == [
        (r.section, str(r.documents), f"{sections.loc[('attention', r.section), 'mean']:.1%}",
         f"{sections.loc[('tokens', r.section), 'mean']:.1%}", cell(r._asdict()))
        for r in names.itertuples()
    ]  # fmt: skip


def test_attention_and_heads(made: Made) -> None:
    shown, data, _ = made
    positions = over(data["positions"], "measure", "layer", "decile")
    expected = []
    for measure in PER_QUERY:
        for layer, each in positions[positions["measure"] == measure].groupby("layer"):
            tenths = [cell(row, ".1%") for _, row in each.sort_values("decile").iterrows()]
            expected.append((PER_QUERY[measure], str(layer), str(each["documents"].iloc[0]), *tenths))
    assert shown["positions-data"] == expected
    sinks = over(data["layers"], "measure", "class", "layer")
    assert sorted(shown["sinks-data"]) == sorted(
        (PER_QUERY[r["measure"]], r["class"], str(r["layer"]), str(r["documents"]), cell(r, ".2%"))
        for _, r in sinks.iterrows()
    )
    heads = over(data["heads"], "measure", "layer", "head")
    forms = {"importance": ".2f", "entropy": ".2f"}
    all_shown = [row for key in ("heads-data", "heads-neighbours-data", "heads-classes-data") for row in shown[key]]
    assert sorted(all_shown) == sorted(
        (str(r["layer"]), str(r["head"]), MEASURES[r["measure"]], str(r["documents"]),
         cell(r, forms.get(r["measure"], ".1%")))
        for _, r in heads.iterrows()
    )  # fmt: skip
    roles, words = data["main_roles"], data["head_words"].sort_values(["total", "word"], ascending=[False, True])
    assert shown["roles-data"] == [
        (str(r.layer), str(r.head), r.role, f"{r.agreement:.0%} ({r.low:.0%} to {r.high:.0%})", str(r.documents),
         " · ".join(words[(words["layer"] == r.layer) & (words["head"] == r.head)]["word"].head(3)))
        for r in roles.itertuples()
    ]  # fmt: skip
    assert sum(int(row[0]) for row in shown["head-groups"]) == len(roles)
    for count, typical, largest, role in shown["head-groups"]:
        assert sum(int(part.rsplit(" ", 1)[1]) for part in role.split(", ")) == int(count)
        if len(shown["head-groups"]) == 1:  # all heads: the means are those over all
            means = heads.groupby("measure")["mean"].mean()
            most = means.drop(["importance", "entropy", "first", "global", "stop words"]).nlargest(3)
            assert largest == ", ".join(f"{name} {mean:.0%}" for name, mean in most.items())
        assert typical.count("layer") == min(3, int(count))


def test_the_test_of_heatmaps(made: Made) -> None:
    shown, data, _ = made
    whole = over(data["effects"], "measure", "operator", "order")
    parts = over(data["effects"], "measure", "operator", "order", "verdict")
    assert shown["effects-table"] == [
        (r["measure"], WAYS[r["operator"]], str(ORDERS.get(r["order"], r["order"])), str(r["documents"]), cell(r),
         *by_verdict(parts, measure=r["measure"], operator=r["operator"], order=r["order"]))
        for _, r in whole.iterrows()
    ]  # fmt: skip
    curves = over(data["curves"], "measure", "operator", "order", "verdict", "share")
    curves = curves[(curves["operator"] == "delete") & curves["order"].isin(["all_attention", "random"])]
    for measure in ("comprehensiveness", "sufficiency"):
        own = curves[curves["measure"] == measure]
        assert sorted((row[0], *row[2:]) for row in shown[f"{measure}-data"]) == sorted(
            (r["verdict"], f"{r['share'] * 100:.3g}%", str(r["documents"]), cell(r, ".1%")) for _, r in own.iterrows()
        )
    tested = data["documents"].dropna(subset="effect")
    counts = tested["verdict"].value_counts()
    drawn = pd.DataFrame(shown["effects-data"], columns=["from", "to", "verdict", "documents"])
    assert drawn.astype({"documents": int}).groupby("verdict")["documents"].sum().to_dict() == counts.to_dict()
    for _, row in drawn.iterrows():
        assert tested["effect"].between(float(row["from"]) - 5e-3, float(row["to"]) + 5e-3).any()


def wilson(some: int, count: int) -> str:
    """A share with its interval, as sentences write it."""
    ends = stats.binomtest(some, count).proportion_ci(method="wilson")
    return f"{some / count:.1%} ({ends.low:.1%} to {ends.high:.1%})"


def test_sentences_and_captions(made: Made) -> None:
    shown, data, said = made
    rows = data["documents"]
    count, known = rows["verdict"].value_counts(), rows[rows["verdict"] != "unknown"]
    assert f"{count['right']} of {len(known)} documents are right: {wilson(count['right'], len(known))}." in said
    assert f"{count['unknown']} document has no gold label" in said
    read = (rows["read"] / rows["tokens"]).mean()
    cut = (rows["read"] < rows["tokens"]).sum()
    assert f"{cut} of {len(rows)} documents are cut; the model has read {read:.1%} of a text" in said
    assert f"{len(rows)} documents have {rows['tokens'].mean():.0f} tokens on average." in said
    types = over(data["words"], "word")["documents"]
    assert f"{len(types)} word types over {len(rows)} documents, {(types >= SUPPORT).sum()} of them" in said
    tested = rows.dropna(subset="all_attention")
    for verdict in ("right", "wrong"):
        own = tested.loc[tested["verdict"] == verdict, "all_attention"] == "supported"
        assert f"Of {len(own)} documents that the model gets {verdict}: {wilson(own.sum(), len(own))}." in said
    supported = (tested["all_attention"] == "supported").sum()
    assert f"supported in {supported} of {len(tested)} documents tested: {wilson(supported, len(tested))}." in said
    confident = known.assign(bin=(known["probability"] * 10).astype(int), right=known["verdict"] == "right")
    gaps = (confident["right"] - confident["probability"]).groupby(confident["bin"]).sum().abs().sum() / len(known)
    assert f"Expected calibration error {gaps:.1%} (" in said
    full = confident.groupby("bin")[["probability", "right"]].mean().loc[confident["bin"].value_counts().idxmax()]
    assert f"with a mean confidence of {full['probability']:.1%}, {full['right']:.1%} are right." in said
    effects = tested["effect"]
    assert f"In {(effects > 0).sum()} of {len(effects)} documents, removing" in said
    assert f"the median difference is {effects.median():.2f} logits" in said
    first = shown["words-data"][0]
    assert f"“{first[1]}” has {first[3]} times the mean score of its document, and occurs in {first[2]} of" in said
    sections = over(data["sections"], "measure", "section").query("measure == 'ratio'")
    assert f"draws {cell(sections.loc[sections['mean'].idxmax()])} times the attention" in said
    most = over(data["positions"], "measure", "layer", "decile").query("measure == 'received'")
    most = most.loc[most["mean"].idxmax()]
    assert f"Layer {most['layer']} puts {cell(most, '.1%')} of its attention on tenth {most['decile']} of" in said
    agreement = data["main_roles"]["agreement"].mean()
    assert f"a head has its role in {agreement:.0%} of them on average" in said


def test_no_table_is_left_out(made: Made) -> None:
    """A new one needs its numbers computed again here."""
    known = {
        "confusion", "verdicts", "lengths-data", "reliability-data", "class-words", "stop-words", "words-data",
        "separating-data", "sections-data", "positions-data", "sinks-data", "heads-data", "heads-neighbours-data",
        "heads-classes-data", "roles-data", "head-groups", "effects-table", "comprehensiveness-data",
        "sufficiency-data", "effects-data",
    }  # fmt: skip
    assert {key for key in made[0] if not key.startswith("list-")} == known
