"""Find what two reports of one text both measure of its words: all attention, the classifier's row, attributions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reportgen.compare.align import Alignment, Doubles, multiples, sums
from reportgen.core.nouns.faithfulness import VIEWS, ScoreName
from reportgen.core.nouns.records import Floats, Report
from reportgen.report import heatmap, scale, signed


@dataclass(frozen=True, slots=True)
class Measure:
    """One list of scores that both reports have."""

    key: str  # "all", "reader", "last", "attribution-1"
    title: str
    name: ScoreName  # as in the agreement of orders
    signed: bool  # attribution: logits, for and against a label; else multiples of the even share
    one: Floats  # (token,), of the first report
    other: Floats  # (token,), of the second

    @property
    def unit(self) -> str:
        """What its numbers are."""
        return "logits" if self.signed else "times the even share"

    def of_cells(self, aligned: Alignment, one: Report, other: Report) -> tuple[Doubles, Doubles]:
        """The numbers of the cells, (cell,) each, in `unit`."""
        on = heatmap.on_scale(aligned.cells)
        mine = sums(self.one, (piece.one for piece in aligned.pieces), one.tokens)
        theirs = sums(self.other, (piece.other for piece in aligned.pieces), other.tokens)
        return (mine, theirs) if self.signed else (multiples(mine, on), multiples(theirs, on))

    def of_words(self, aligned: Alignment, one: Report, other: Report) -> tuple[Doubles, Doubles]:
        """The numbers of the words that both rank, (word,) each, in `unit`."""
        mine = sums(self.one, (word.one for word in aligned.words), one.tokens)
        theirs = sums(self.other, (word.other for word in aligned.words), other.tokens)
        on = mine == mine
        return (mine, theirs) if self.signed else (multiples(mine, on), multiples(theirs, on))


def measures(one: Report, other: Report) -> tuple[Measure, ...]:
    """What both have, all attention first."""
    return (*_attention(one, other), *_attributions(one, other))


def _attention(one: Report, other: Report) -> Iterator[Measure]:
    mine, theirs = scale.of_report(one), scale.of_report(other)
    both_live = one.live and other.live
    yield Measure(
        "all", VIEWS["all_attention"] if both_live else "Scores", "all_attention", False, mine.total, theirs.total
    )
    if mine.reader is not None and theirs.reader is not None:
        yield Measure("reader", "What the classifier reads", "classifier", False, mine.reader, theirs.reader)
    if both_live and min(one.attention.shape[0], other.attention.shape[0]) > 1:
        yield Measure("last", "Last layer, all tokens", "last layer", False, mine.last_layer, theirs.last_layer)


def _attributions(one: Report, other: Report) -> Iterator[Measure]:
    """Attributions by the same method for a label of the same name."""
    if one.prediction is None or other.prediction is None:
        return
    named = {(a.method, other.prediction.labels[a.label]): a for a in signed.found(other)}
    labels = one.prediction.labels
    numbered = enumerate(signed.found(one), start=1)
    for number, mine in signed.distinct(pair for pair in numbered if (pair[1].method, labels[pair[1].label]) in named):
        label = labels[mine.label]
        theirs = named[mine.method, label]
        assert mine.scores is not None  # both are from `found`
        assert theirs.scores is not None
        title = f"Attribution for “{label[: signed.LONGEST]}”"
        yield Measure(f"attribution-{number}", title, "attribution", True, mine.scores, theirs.scores)
