"""Say what each chart shows, in a sentence made from its numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reportgen.core.records import FROM_FILE, Floats, HeadImportance, Report, Scores

Doubles = npt.NDArray[np.float64]


def rank_trend_by_layer(report: Report) -> str:
    """In which layers attention lands on few tokens."""
    tokens = report.attention.shape[2]
    received = report.attention.received.sum(axis=1)  # (layer, token)
    if report.given:
        received = received[:, report.tokens.content]
        tokens = received.shape[1]
    shares = top_shares(received, report.top_k)  # (layer,)
    most, least = int(shares.argmax()), int(shares.argmin())
    others = f"; in layer {least + 1} it is {shares[least]:.0%}" if least != most else ""
    if report.given:
        where = f"Layer {most + 1}: " if len(shares) > 1 else ""
        of = f"{min(report.top_k, tokens)} of {tokens:,} tokens"
        return f"{where}{shares[most]:.0%} of the scores lie on {of}{others}. A steep line means that few tokens do."
    return (
        f"Layer {most + 1}: {shares[most]:.0%} of the attention, before weighing, lands on {min(report.top_k, tokens)} "
        f"of {tokens:,} tokens{others}. A steep line means that few tokens draw most of what a layer's heads score."
    )


def rank_trend_by_head(report: Report, ordered: Doubles) -> str:
    """Which head has the highest score, from the ordered scores (layer, head, rank)."""
    layer, head = place(ordered[:, :, 0].argmax(), ordered.shape[1])
    verb = "scores" if report.given else "attends to"
    return (
        f"The highest score of all stands in layer {layer}, head {head}. The steeper a line, the fewer tokens its head "
        f"{verb}{_height(report)}.{_without_line(ordered.reshape(-1, ordered.shape[2]))}"
    )


def _height(report: Report) -> str:
    """What lifts a whole line: on a logarithmic axis a factor is a shift."""
    return "" if report.importance.measure == "none" else "; how high it lies is mostly the importance of its head"


def _without_line(ordered: Doubles) -> str:
    count = int((ordered[:, 0] <= 0).sum())
    return f" {count} head{'s' * (count > 1)} with only scores of 0 cannot be drawn." if count else ""


def layer_trend(report: Report, positions: list[int], by_layer: Doubles, best: npt.NDArray[np.int32]) -> str:
    """Where the strongest of the tokens shown, (layer, chosen token), has its peak; special ones come last."""
    content = report.tokens.content[positions]
    top = int(np.where(content, by_layer.sum(axis=0), -np.inf).argmax()) if content.any() else 0
    peak = int(by_layer[:, top].argmax())
    return (
        f"Of the text tokens shown, “{report.words()[positions[top]]}” at position {positions[top]} has the highest "
        f"score. It scores highest in layer {peak + 1}, where its best rank in a head is {best[peak, top]}."
    )


def distribution(report: Report, scores: Scores, *, peak: tuple[str, int, int, float, str]) -> str:
    """Where in the document the scores lie."""
    content = report.tokens.content
    quarter = np.arange(len(content)) < len(content) / 4
    share = float(scores.total[content & quarter].sum()) / (float(scores.total[content].sum()) or 1.0)
    _, start, end, _, top = peak
    where = f"positions {start} to {end - 1}" if end - 1 > start else f"position {start}"
    return (
        f"The first quarter of the document holds {share:.0%} of all scores. The peak lies at {where}, around “{top}”."
    )


def overview(report: Report, shares: Doubles, k: int) -> str:
    """Which head is the most concentrated, and which the most important."""
    importance = report.importance
    if np.ptp(shares) > 0:
        layer, head = place(shares.argmax(), shares.shape[1])
        verb = "are" if report.given else "is"
        most = f"{shares.max():.0%} of its {report.subject} {verb} on {k} tokens"
        seen = f"Layer {layer}, head {head} is the most concentrated: {most}"
    else:
        seen = f"All heads are equally concentrated, {shares.max():.0%} of their {report.subject} on {k} tokens"
    if importance.measure == "none":
        return f"{seen}; no head importance was given, so every head counts the same."
    if np.ptp(importance.values) == 0:
        return f"{seen}; all heads have the same importance{sample(importance)}."
    layer, head = place(importance.values.argmax(), shares.shape[1])
    return f"{seen}; layer {layer}, head {head} is the most important{sample(importance)}."


def sample(importance: HeadImportance) -> str:
    """By which measure, over which examples and with which model head importance was computed, as far as is known.

    It goes on from a sentence: " by taylor over 500 examples of org/papers, split train (model revision 0123456789)".
    """
    known = importance.provenance
    revision = known.get("model revision", "local")
    model = known.get("weights sha256", known.get("model", "")) if revision == "local" else revision
    said = f" by {importance.measure}" if importance.measure != FROM_FILE else ""
    if known.get("data"):
        said += f" over {known['examples']} examples of" if known.get("examples") else " over"
        said += f" {known['data']}"
    name = "weights" if revision == "local" else "model revision"
    return said + (f" ({name} {model[:10]})" if model else "")


def top_shares(received: Floats, k: int) -> Doubles:
    """Share of the received attention, (..., token), that lands on its k largest tokens, (...)."""
    ordered = -np.sort(-received.astype(np.float64), axis=-1)
    whole = ordered.sum(axis=-1)
    shares: Doubles = ordered[..., :k].sum(axis=-1) / np.where(whole > 0, whole, 1)
    return shares


def place(index: np.intp, heads: int) -> tuple[int, int]:
    """Layer and head, from 1, of an index into a flattened (layer, head)."""
    return int(index) // heads + 1, int(index) % heads + 1
