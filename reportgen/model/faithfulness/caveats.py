"""Say what a reader must know before trusting the test of a heatmap."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.core.nouns.faithfulness import Caveat, Shift, Trial, Verdict
from reportgen.core.nouns.records import Tokens

SHORT = "The document has too few words for an order of them to be tested."
ALONE = (
    "Words could only be deleted: the tokenizer has no mask token, and the text is from no split with another document."
)
SMALL_EFFECT = "The words are better than chance, but the prediction loses little without them."
SMALL = 0.05  # of the margin: a loss below it is small


def found(
    tokens: Tokens,
    trials: Sequence[Trial],
    moved: Sequence[Shift],
    verdicts: Sequence[Verdict],
    margin: float,
    *,
    heads: str | None,
    alone: bool,
) -> tuple[Caveat, ...]:
    """The caveats of a test.

    Args:
        tokens: The document.
        trials: That were made.
        moved: The shift test.
        verdicts: That on all attention first.
        margin: Of the whole document.
        heads: Why no heads were switched off; None if they were, or were not asked for.
        alone: Whether a second way to remove words was wanted, and there is none.
    """
    small = any(one.code == "supported" for one in verdicts[:1]) and trials[0].curves[0].aopc < SMALL * abs(margin)
    said = {
        "short-document": None if trials else SHORT,
        "one-operator": ALONE if alone else None,
        "heads-unknown": heads and f"No heads were switched off: {heads}.",
        "small-effect": SMALL_EFFECT if small else None,
        "scores-stay": _staying(tokens, moved),
    }
    return tuple(Caveat(code, message) for code, message in said.items() if message)


def _staying(tokens: Tokens, moved: Sequence[Shift]) -> str | None:
    """High scores that stay with their places, whichever way the document moves; None without any."""
    if not moved:
        return None
    first = next(place for place, special in enumerate(tokens.special) if not special)  # its word is left out once
    places = set(moved[-1].stayed) & {first, *moved[0].stayed}
    worst = min(moved, key=lambda shift: shift.correlation or 0)
    if not places or worst.correlation is None:
        return None
    named = ", ".join(f"{place} ({tokens.strings[place]})" for place in sorted(places))
    without = worst.correlation_without
    other = "" if without is None else f", and by {without:.2f} without such places"
    return (
        f"Moved by a word, the document keeps high scores at positions {named}: they belong to places, not to words. "
        f"The scores of its words correlate by {worst.correlation:.2f} with those before{other}."
    )
