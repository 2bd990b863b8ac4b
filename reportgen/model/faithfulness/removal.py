"""Turn a choice of units into the document without them, or with them alone, for each way to remove words.

`delete` takes their tokens out, and later tokens move up. `mask` puts the mask token in their places, `sample` the
tokens of another document. Nothing is tokenized again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reportgen.core.nouns.faithfulness import Operator, Unit
from reportgen.core.nouns.records import Integers, Tokens
from reportgen.model.classifier import Classifier


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A document from which units were removed."""

    tokens: Tokens  # of the whole document
    positions: Integers  # (token,), those that are left, in the whole document
    ids: Integers  # (token,), what stands there now

    @property
    def document(self) -> Tokens:
        """What the model reads. The names of its tokens are those of the whole document."""
        taken = self.tokens.take(self.positions.tolist())
        return replace(taken, ids=tuple(self.ids.tolist()))

    @property
    def key(self) -> bytes:
        """Equal for documents that the model cannot tell apart, of one whole document."""
        return self.ids.tobytes() + self.positions.tobytes()

    def places(self, positions: Iterable[int]) -> tuple[int, ...]:
        """Where tokens of the whole document are now; those that were taken out are left out."""
        return tuple(np.flatnonzero(np.isin(self.positions, list(positions))).tolist())


@dataclass(frozen=True, slots=True)
class Removal:
    """A document, its units, and what can be put in their places."""

    tokens: Tokens
    units: tuple[Unit, ...]
    mask: int | None  # id of the mask token; None if there is none
    donor: Integers | None  # (token,), what `sample` puts at each position; None without another document

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The ways to remove words that are possible here: `delete`, and one more."""
        second: tuple[Operator, ...] = ("mask",) if self.mask is not None else ()
        return ("delete", *(second or (("sample",) if self.donor is not None else ())))

    def without(self, gone: Iterable[int], operator: Operator = "delete") -> Variant:
        """The document without some units, by their indices."""
        removed = np.zeros(len(self.tokens), bool)
        removed[[position for unit in gone for position in self.units[unit].positions]] = True
        ids: Integers = np.array(self.tokens.ids, np.int32)
        everything: Integers = np.arange(len(ids), dtype=np.int32)
        if operator == "delete":
            return Variant(self.tokens, everything[~removed], ids[~removed])
        ids[removed] = self._put(operator)[removed]
        return Variant(self.tokens, everything, ids)

    def only(self, kept: Iterable[int], operator: Operator = "delete") -> Variant:
        """The document with some units alone, by their indices."""
        chosen = set(kept)
        return self.without((unit for unit in range(len(self.units)) if unit not in chosen), operator)

    def _put(self, operator: Operator) -> npt.NDArray[np.int32]:
        """What stands in the place of each token, (token,)."""
        if operator == "mask":
            assert self.mask is not None  # `operators` says so
            return np.full(len(self.tokens), self.mask, np.int32)
        assert self.donor is not None  # `operators` says so
        return self.donor


def removal(classifier: Classifier, tokens: Tokens, units: tuple[Unit, ...], donor: Tokens | None) -> Removal:
    """What can be put in the places of the units of a document.

    Args:
        classifier: Its tokenizer says which token masks.
        tokens: The document.
        units: Of the document.
        donor: Another document; it begins again where it is shorter.
    """
    mask = classifier.tokenizer.mask_token_id
    words = [] if donor is None else np.array(donor.ids, np.int32)[donor.content].tolist()
    lead = tokens.special.index(False) if False in tokens.special else 0
    places = np.arange(len(tokens)) - lead
    return Removal(
        tokens,
        units,
        mask=mask if mask is not None and mask in classifier.vocabulary else None,
        donor=np.array(words, np.int32)[places % len(words)] if words else None,
    )
