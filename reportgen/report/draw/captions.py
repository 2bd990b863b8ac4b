"""Turn the numbers of a chart into the sentence below it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reportgen.core.nouns.records import FROM_FILE, Floats, HeadImportance, Report, Scores
from reportgen.report.even_share import held, multiple

Doubles = npt.NDArray[np.float64]


def rank_trend_by_layer(report: Report) -> str:
    """The layers in which attention lands on the fewest and on the most tokens."""
    tokens = report.attention.shape[2]
    received = report.attention.received.sum(axis=1)  # (layer, token)
    if report.given:
        received = received[:, report.tokens.content]
        tokens = received.shape[1]
    shares = top_shares(received, report.top_k)  # (layer,)
    most, least = int(shares.argmax()), int(shares.argmin())
    numbers = report.attention.layers
    k = min(report.top_k, tokens)
    low = multiple(float(shares[least]) * tokens / k) if k else ""
    others = f"; in layer {numbers[least]} it is {low}" if least != most else ""
    where = f"Layer {numbers[most]}: " if len(shares) > 1 or not report.given else ""
    said = held(float(shares[most]), k, tokens, of="the score" if report.given else "the unweighted attention")
    whole = "it" if report.given else "the score of a layer"
    return f"{where}{said}{others}. A steep line means that few tokens hold most of {whole}."


def rank_trend_by_head(report: Report, ordered: Doubles) -> str:
    """The head with the highest score, from the ordered scores (layer, head, rank)."""
    layer, head = report.places[ordered[:, :, 0].argmax()]
    verb = "scores" if report.given else "attends to"
    return (
        f"The highest score is in layer {layer}, head {head}. The steeper a line, the fewer tokens its head "
        f"{verb}{_height(report)}.{_without_line(ordered.reshape(-1, ordered.shape[2]))}"
    )


def _height(report: Report) -> str:
    """The height of a line: on a logarithmic axis a factor is a shift."""
    return "" if report.importance.measure == "none" else "; its height mostly shows the importance of the head"


def _without_line(ordered: Doubles) -> str:
    count = int((ordered[:, 0] <= 0).sum())
    return f" {count} head{'s' * (count > 1)} without a score above 0 cannot be drawn." if count else ""


def layer_trend(report: Report, positions: list[int], by_layer: Doubles, best: npt.NDArray[np.int32]) -> str:
    """The layer where the highest token shown has its peak, from scores (layer, chosen token); text tokens first."""
    content = report.tokens.content[positions]
    top = int(np.where(content, by_layer.sum(axis=0), -np.inf).argmax()) if content.any() else 0
    peak = int(by_layer[:, top].argmax())
    return (
        f"“{report.words()[positions[top]]}” at position {positions[top]} has the highest score of the text tokens "
        f"shown. Its score is highest in layer {report.attention.layers[peak]}, where its best rank in a head "
        f"is {best[peak, top]}."
    )


def distribution(report: Report, scores: Scores, *, peak: tuple[str, int, int, float, str]) -> str:
    """Where in the document the scores are high."""
    content = report.tokens.content
    quarter = np.arange(len(content)) < len(content) / 4
    share = float(scores.total[content & quarter].sum()) / (float(scores.total[content].sum()) or 1.0)
    _, start, end, _, top = peak
    where = f"positions {start} to {end - 1}" if end - 1 > start else f"position {start}"
    return (
        f"The first quarter of the document holds {share:.0%} of the total score. The peak is at {where}, "
        f"around “{top}”."
    )


def overview(report: Report, shares: Doubles, k: int) -> str:
    """The most concentrated head and the most important one."""
    importance, tokens = report.importance, report.attention.shape[2]
    most = held(float(shares.max()), k, tokens, of=f"its {report.subject}")
    if np.ptp(shares) > 0:
        layer, head = report.places[shares.argmax()]
        seen = f"Layer {layer}, head {head} is the most concentrated: {most}"
    else:
        seen = f"All heads are equally concentrated: {most.replace('of its', 'of their')}"
    if importance.measure == "none":
        return f"{seen}. No head importance was given, so all heads count equally."
    if np.ptp(importance.values) == 0:
        return f"{seen}. All heads have the same importance{sample(importance)}."
    layer, head = report.places[importance.values.argmax()]
    return f"{seen}. Layer {layer}, head {head} is the most important{sample(importance)}."


def sample(importance: HeadImportance) -> str:
    """Measure, examples and model that head importance was computed with, as far as they are known.

    It ends a sentence: " (taylor, 500 examples of org/papers, split train, model revision 0123456789)".
    """
    known = importance.provenance
    revision = known.get("model revision", "local")
    model = known.get("weights sha256", known.get("model", "")) if revision == "local" else revision
    parts = [importance.measure] if importance.measure != FROM_FILE else []
    if known.get("data"):
        parts.append((f"{known['examples']} examples of " if known.get("examples") else "") + known["data"])
    if model:
        parts.append(f"{'weights' if revision == 'local' else 'model revision'} {model[:10]}")
    return f" ({', '.join(parts)})" if parts else ""


def top_shares(received: Floats, k: int) -> Doubles:
    """Share of the received attention, (..., token), that lands on its k largest tokens, (...)."""
    ordered = -np.sort(-received.astype(np.float64), axis=-1)
    whole = ordered.sum(axis=-1)
    shares: Doubles = ordered[..., :k].sum(axis=-1) / np.where(whole > 0, whole, 1)
    return shares
