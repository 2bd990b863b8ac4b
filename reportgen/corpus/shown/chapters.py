"""Turn the sums of a corpus into the chapters of its report: what each says, draws and lists.

Every number says over how many documents it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reportgen.core import numbers
from reportgen.core.nouns.faithfulness import VERDICTS
from reportgen.corpus import frames, heads, intervals
from reportgen.corpus.frames import SUPPORT, Row
from reportgen.corpus.shown import charts, head_charts
from reportgen.corpus.shown.charts import interval, n_documents, table
from reportgen.corpus.shown.parts import Chapter, Linked, Mistake
from reportgen.corpus.sums import Sums
from reportgen.report.faithfulness.names import ORDERS, WAYS
from reportgen.report.parts import Chart, Table

MOST_LABELS = 12  # rows and columns of the confusion matrix; the rest are in the data
LISTED = 25  # documents of a list in the page
WORDS = 15  # of a class in a table
GROUPS = 20  # of heads, the largest
TYPICAL = 3  # heads of a group that are named, and shares
Link = Callable[[Row], str]


def chapters(sums: Sums, documents: list[Row], link: Link, mistakes: tuple[Mistake, ...]) -> tuple[Chapter, ...]:
    """All chapters that there is something to say in, in reading order."""
    cells = confusion(sums)
    found = [
        _predictions(sums, documents, cells),
        _words(sums),
        _positions(sums),
        _heads(sums, link),
        _sections(sums),
        _faithfulness(sums, documents),
        _errors(sums, mistakes),
        _lists(documents, cells, link),
    ]
    return tuple(chapter for chapter in found if chapter is not None)


def confusion(sums: Sums) -> dict[tuple[str, str], int]:
    """How many documents have each gold and predicted label."""
    return {(row["label"], row["predicted"]): row["documents"] for row in sums["confusion"].to_pylist()}


def _drawn(*found: Chart | None) -> tuple[Chart, ...]:
    return tuple(chart for chart in found if chart is not None)


def _share(some: int, of_all: int) -> str:
    return numbers.interval(*intervals.share(some, of_all), ".1%")


# --- predictions ----------------------------------------------------------------------------------------------------


def _predictions(sums: Sums, documents: list[Row], cells: dict[tuple[str, str], int]) -> Chapter:
    verdicts = frames.counts(sums, "verdict")
    right, wrong, unknown = (verdicts.get(name, 0) for name in ("right", "wrong", "unknown"))
    says = []
    if right + wrong:
        says.append(f"{right:,} of {n_documents(right + wrong)} are right: {_share(right, right + wrong)}.")
    if unknown:
        have = "has" if unknown == 1 else "have"
        says.append(f"{n_documents(unknown).capitalize()} {have} no gold label to compare with, or a tie.")
    cut = sum(row["read"] < row["tokens"] for row in documents)
    read = frames.where(frames.rows(sums["lengths"]), measure="read")
    share = sum(row["total"] for row in read) / max(sum(row["documents"] for row in read), 1)
    says.append(
        f"{cut:,} of {n_documents(len(documents))} are cut; the model has read {share:.1%} of a text on average."
        if cut
        else "The model has read every text as a whole."
    )
    drawn = _drawn(charts.reliability(sums), charts.lengths(sums))
    return Chapter("predictions", "Predictions", tuple(says), drawn, _confusion(sums, cells))


def _confusion(sums: Sums, cells: dict[tuple[str, str], int]) -> tuple[Linked, ...]:
    """The matrix, whose cells lead to lists; of many labels those with most documents."""
    if not cells:
        return ()
    sizes: dict[str, int] = {}
    for (label, predicted), count in cells.items():
        for name in {label, predicted}:
            sizes[name] = sizes.get(name, 0) + count
    names = sorted(sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_LABELS])
    several = sums.facts["several"]
    given = [name for name in names if any(label == name for label, _ in cells)]
    shown = [name for name in names if any(predicted == name for _, predicted in cells)]
    rows = [(label, *(f"{cells.get((label, name), 0):,}" for name in shown)) for label in given]
    links = [("", *(anchor(label, name) if cells.get((label, name)) and not several else "" for name in shown))
             for label in given]  # fmt: skip
    rest = f", the {MOST_LABELS} most frequent labels of {len(sizes)}" if len(sizes) > MOST_LABELS else ""
    count = sum(cells.values()) if not several else sums.documents
    made = table(
        "confusion",
        f"Gold labels (rows) and predicted labels (columns) of {n_documents(count)}{rest}"
        f"{'' if several else '; each number leads to its documents'}",
        [("Gold label", False), *[(name, True) for name in shown]],
        rows,
    )
    return (Linked(made, tuple(links)),)


def anchor(label: str, predicted: str) -> str:
    """The address of a list in the page: a number for each pair of labels would change with the others."""
    return "#list-" + "-".join(name.encode().hex()[:40] for name in (label, predicted))


# --- words ----------------------------------------------------------------------------------------------------------


def _words(sums: Sums) -> Chapter | None:
    if not len(sums["words"]):
        return None
    classes = frames.counts(sums, "predicted")
    kept = frames.rows(frames.supported(frames.over(sums["words"], "word", "stop", "predicted")))
    order = sorted(classes, key=lambda name: (-classes[name], name))
    # The mean score times the share of documents is the sum of the scores over the documents of the class.
    tops = {
        stop: [(name, classes[name], _by_total(frames.where(kept, predicted=name, stop=stop))) for name in order]
        for stop in (False, True)
    }
    types = frames.over(sums["words"], "word")
    enough = len(frames.supported(types))
    says = (
        f"{len(types):,} word types over {n_documents(sums.documents)}, {enough:,} of them in at least {SUPPORT} "
        "documents. A score is relative to its document: 1 is the mean of its content tokens. Words are ordered by "
        "mean score times document frequency.",
    )
    separating = frames.separating(sums["words"])
    drawn = _drawn(charts.words(tops[False]), charts.separating(separating))
    listed = (
        _word_table(sums, "class-words", "Words that draw most", tops[False]),
        _word_table(sums, "stop-words", "Stop words that draw most", tops[True]),
    )
    return Chapter("words", "Words", says, drawn, tuple(one for one in listed if one is not None))


def _by_total(found: list[Row]) -> list[Row]:
    return sorted(found, key=lambda row: (-row["total"], row["word"]))


def _word_table(sums: Sums, key: str, what: str, top: list[tuple[str, int, list[Row]]]) -> Table | None:
    shown = pa.array(sorted({row["word"] for _, _, each in top for row in each[:WORDS]}), pa.string())
    listed = sums["words"].filter(pc.is_in(sums["words"]["word"], shown))
    by_verdict = {
        (row["word"], row["predicted"], row["verdict"]): row
        for row in frames.rows(frames.over(listed, "word", "predicted", "verdict"))
    }

    def cell(word: Row, verdict: str) -> str:
        found = by_verdict.get((word["word"], word["predicted"], verdict))
        return "" if found is None else f"{interval(found)}, {found['documents']:,}"

    rows = [
        (name, row["word"], f"{row['documents'] / count:.0%} of {count:,}", interval(row), *(cell(row, verdict) for
         verdict in ("right", "wrong")))
        for name, count, each in top
        for row in each[:WORDS]
    ]  # fmt: skip
    if not rows:
        return None
    return table(
        key,
        f"{what}, by predicted class and verdict: mean score with its 95% interval, and documents; at least {SUPPORT} "
        "documents each",
        [("Predicted", False), ("Word", False), ("In documents", True), ("Mean score", True),
         ("Right, documents", True), ("Wrong, documents", True)],
        rows,
    )  # fmt: skip


# --- attention ------------------------------------------------------------------------------------------------------


def _positions(sums: Sums) -> Chapter:
    says = (
        f"Where in the document the attention of each layer falls, over {n_documents(sums.documents)}. A token near an "
        "end of a document may be seen by fewer queries; “per query” is attention divided by how many can see it.",
    )
    return Chapter("positions", "Positions and sinks", says, _drawn(charts.positions(sums), charts.sinks(sums)))


def _heads(sums: Sums, link: Link) -> Chapter:
    examples = sums.examples.to_pylist()
    shown = [
        (row["role"], f"layer {row['layer']}, head {row['head']}", f"{row['value']:.1%}", row["title"])
        for row in sorted(examples, key=lambda row: (heads.ROLES.index(row["role"]), -row["value"]))
    ]
    ordered = sorted(examples, key=lambda row: (heads.ROLES.index(row["role"]), -row["value"]))
    says = (
        "A head has a role in a document if its share of attention there exceeds that of an even head by at least "
        f"{heads.CLEAR:.0%}; the largest excess decides. Its role in the corpus is the one that it has in most "
        "documents, and agreement is their share. Roles are defined, not learned: they mean the same in every corpus. "
        "The groups at the end are found by clustering, which knows of no role.",
    )
    drawn = (head_charts.roles(sums), *head_charts.measures(sums))
    groups = _groups(sums)
    if not shown:
        return Chapter("heads", "Heads", says, drawn, groups)
    made = table(
        "role-examples",
        f"The clearest examples of each role, over {n_documents(sums.documents)}: the share of the head’s attention",
        [("Role", False), ("Head", False), ("Share", True), ("Document", False)],
        shown,
    )
    links = tuple(("", "", "", link(row)) for row in ordered)
    return Chapter("heads", "Heads", says, drawn, (Linked(made, links), *groups))


def _groups(sums: Sums) -> tuple[Table, ...]:
    """What clustering finds without knowing of roles, with the roles that the rule gives to the same heads."""
    role = {(row["layer"], row["head"]): row["role"] for row in frames.main_roles(sums, head_charts.ORDER)}
    listed = []
    for group in frames.groups_of_heads(sums, list(heads.BY_ROLE.values()))[:GROUPS]:
        count = Counter(role[place] for place in group["heads"])
        typical = [f"layer {layer}, head {head}" for layer, head in group["heads"][:TYPICAL]]
        most = sorted(group["means"], key=lambda name: -group["means"][name])[:TYPICAL]
        listed.append((
            f"{len(group['heads']):,}",
            "; ".join(typical),
            ", ".join(f"{name} {group['means'][name]:.0%}" for name in most),
            ", ".join(f"{name} {count[name]}" for name in sorted(count, key=lambda name: (-count[name], name))),
        ))  # fmt: skip
    if not listed:
        return ()
    caption = (
        f"Heads that do alike, found by clustering: within a group no two differ by more than {frames.ALIKE:.0%} in "
        f"any share; the most typical first, means over {n_documents(sums.documents)}"
    )
    columns = [("Heads", True), ("Most typical", False), ("Largest shares", False), ("Roles", False)]
    return (table("head-groups", caption, columns, listed),)


def _sections(sums: Sums) -> Chapter | None:
    found = frames.rows(sums["sections"])
    if not found:
        return None
    parts: dict[str, dict[str, Row]] = {}
    for row in found:
        parts.setdefault(row["section"], {})[row["measure"]] = row
    kept = [
        {**each["ratio"], "attention": each["attention"]["mean"], "tokens": each["tokens"]["mean"]}
        for each in parts.values()
        if each["ratio"]["documents"] >= SUPPORT
    ]
    kept.sort(key=lambda row: (-row["documents"], row["section"]))
    most = max(each["ratio"]["documents"] for each in parts.values())
    says = (
        f"{len(parts):,} names of sections are found, {len(kept):,} of them in at least {SUPPORT} documents; the most "
        f"frequent is in {n_documents(most)}. A section is what follows a heading, up to the next.",
    )
    return Chapter("sections", "Sections", says, _drawn(charts.sections(kept)))


# --- the test of heatmaps, and mistakes -------------------------------------------------------------------------------


def _faithfulness(sums: Sums, documents: list[Row]) -> Chapter | None:
    codes = frames.counts(sums, "all_attention")
    tested = sum(codes.get(code, 0) for code in VERDICTS)
    if not tested:
        return None
    says = [f"All attention is supported in {codes.get('supported', 0):,} of {n_documents(tested)} tested: "
            f"{_share(codes.get('supported', 0), tested)}."]  # fmt: skip
    parts = frames.counts(sums, "verdict", "all_attention")
    for verdict in ("right", "wrong"):
        own = {code: parts.get((verdict, code), 0) for code in VERDICTS}
        if count := sum(own.values()):
            says.append(f"Of {n_documents(count)} that the model gets {verdict}: {_share(own['supported'], count)}.")
    rows = [
        (VERDICTS[code], *(f"{parts.get((verdict, code), 0):,}" for verdict in ("right", "wrong", "unknown")),
         f"{codes.get(code, 0):,}")
        for code in VERDICTS
        if codes.get(code)
    ]  # fmt: skip
    counted = table(
        "verdicts",
        f"Verdicts on all attention of {n_documents(tested)}",
        [("All attention", False), ("Right", True), ("Wrong", True), ("No gold label", True), ("All", True)],
        rows,
    )
    drawn = _drawn(
        head_charts.curves(sums, "comprehensiveness", "Deletion curve"),
        head_charts.curves(sums, "sufficiency", "Keep-only curve"),
        head_charts.effects(documents),
    )
    return Chapter("faithfulness", "Faithfulness", tuple(says), drawn, (counted, _effects(sums)))


def _effects(sums: Sums) -> Table:
    """AOPC minus that of random orders, paired by document, for every order, measure and way to remove words."""
    whole = frames.rows(frames.over(sums["effects"], "measure", "operator", "order"))
    parts = {
        (row["measure"], row["operator"], row["order"], row["verdict"]): row for row in frames.rows(sums["effects"])
    }

    def cell(row: Row, verdict: str) -> str:
        found = parts.get((row["measure"], row["operator"], row["order"], verdict))
        return "" if found is None else f"{interval(found)}, {found['documents']:,}"

    rows = [
        (str(row["measure"]), str(WAYS[row["operator"]]), str(ORDERS.get(row["order"], row["order"])),
         f"{row['documents']:,}", interval(row), cell(row, "right"), cell(row, "wrong"))
        for row in whole
    ]  # fmt: skip
    return table(
        "effects-table",
        "AOPC minus that of random orders, in logits, paired by document: mean with its 95% interval; above 0, "
        "the order removes, or keeps, what the prediction rests on better than chance",
        [("Measure", False), ("Words are", False), ("Order", False), ("Documents", True), ("All", True),
         ("Right, documents", True), ("Wrong, documents", True)],
        rows,
    )  # fmt: skip


def _errors(sums: Sums, mistakes: tuple[Mistake, ...]) -> Chapter | None:
    if not mistakes:
        return None
    wrong = frames.counts(sums, "verdict").get("wrong", 0)
    says = (
        f"{_surest(len(mistakes), wrong)} that the model gets wrong, the surest first, with the sentences that draw "
        f"most attention, and right documents with the same words among those that draw most.",
    )
    return Chapter("mistakes", "Mistakes", says, mistakes=mistakes)


def _surest(shown: int, wrong: int) -> str:
    """How many documents are shown, and of how many.

    >>> _surest(2, 2), _surest(5, 12), _surest(1, 1)
    ('The 2 documents', '5 of 12 documents', 'The 1 document')
    """
    return f"The {n_documents(wrong)}" if shown == wrong else f"{shown:,} of {n_documents(wrong)}"


def _lists(documents: list[Row], cells: Iterable[tuple[str, str]], link: Link) -> Chapter:
    """The documents of each cell of the confusion matrix, the surest first; without gold labels, all of them."""
    groups: dict[tuple[str, str], list[Row]] = {}
    pairs = set(cells)
    for row in documents:
        key = (row["label"] or "", row["predicted"] or "")
        groups.setdefault(key if key in pairs else ("", ""), []).append(row)
    made = []
    for key in sorted(groups, key=lambda pair: (pair == ("", ""), pair)):
        own = sorted(groups[key], key=lambda row: (-(row["probability"] or 0), row["document"]))
        what = f"Gold label “{key[0]}”, predicted “{key[1]}”" if key != ("", "") else "Other documents"
        rest = f", the {LISTED} surest" if len(own) > LISTED else ""
        name = anchor(*key)[1:] if key != ("", "") else "list-others"
        rows = [_listed(row) for row in own[:LISTED]]
        columns = [
            ("Document", False),
            ("Probability", True),
            ("Tokens", True),
            ("All attention", False),
            ("Words", False),
        ]
        caption = f"{what}: {n_documents(len(own))}{rest}"
        made.append(
            Linked(table(name, caption, columns, rows), tuple((link(row), "", "", "", "") for row in own[:LISTED]))
        )
    says = (f"All {n_documents(len(documents))} are in tables/documents.parquet and .csv.",)
    return Chapter("documents", "Documents", says, tables=tuple(made))


def _listed(row: dict[str, Any]) -> tuple[str, ...]:
    probability = "" if row["probability"] is None else f"{row['probability']:.1%}"
    cut = f" of {row['tokens']:,}" if row["read"] < row["tokens"] else ""
    tested = VERDICTS[row["all_attention"]] if row["all_attention"] else "not tested"
    return row["title"], probability, f"{row['read']:,}{cut}", tested, " · ".join((row["words"] or ())[:5])
