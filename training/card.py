"""Write the measured figures into the model card, and into a file next to the weights.

Takes the figures as ``measure.py`` gives them; measures nothing itself. The text around the tables is written by hand.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
TESTS = {
    "held_out": "held-out projects, chunks of about 1,000 tokens",
    "held_out_long": "held-out projects, joined to at most 2,048 tokens",
    "held_out_baseline": "held-out projects, chunks, TF-IDF with logistic regression",
    "documents": "the shipped documents",
    "documents_baseline": "the shipped documents, TF-IDF with logistic regression",
}


def write(figures: dict[str, Any], folder: Path, card: Path) -> None:
    """Write *figures* to ``figures.json`` in *folder* and between the markers of the model card."""
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    before, rest = card.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    card.write_text(before + BEGIN + "\n\n" + tables(figures) + "\n\n" + END + after, encoding="utf-8")


def tables(figures: dict[str, Any]) -> str:
    """Size, accuracy, heads and documents, as Markdown."""
    size = f"{figures['parameters']:,} parameters, {figures['bytes']:,} bytes, SHA-256 `{figures['model']}`."
    return "\n\n".join([size, accuracy_table(figures), head_table(figures), document_table(figures)])


def accuracy_table(figures: dict[str, Any]) -> str:
    """One row for every text that was measured."""
    rows = []
    for key, name in TESTS.items():
        test = figures[key]
        languages, learning = test["samples"]
        rows.append([name, f"{languages} + {learning}", f"{test['accuracy']:.3f}", f"{test['balanced_accuracy']:.3f}"])
    return table(["text", "samples (languages + learning)", "accuracy", "balanced accuracy"], rows)


def head_table(figures: dict[str, Any]) -> str:
    """One row for every head, layers and heads counted from 1."""
    keys = ("entropy", "entropy_global_row", "head_importance")
    rows = [
        [f"{layer + 1}", f"{head + 1}", *(f"{figures[key][layer][head]:.3f}" for key in keys)]
        for layer, values in enumerate(figures["head_importance"])
        for head in range(len(values))
    ]
    return table(["layer", "head", "entropy, all rows", "entropy, global row", "importance"], rows)


def document_table(figures: dict[str, Any]) -> str:
    """One row for every shipped document."""
    rows = []
    for name, document in figures["documents"]["each"].items():
        gold = "learning" if document["label"] else "languages"
        verdict = "right" if document["predicted"] == document["label"] else "wrong"
        rows.append([name, gold, f"{document['tokens']:,}", f"{document['machine_learning']:.3f}", verdict])
    return table(["document", "class", "tokens", "probability of machine learning", "verdict"], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])
