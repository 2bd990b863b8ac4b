"""heads: the shares of a head -> how far it goes beyond an even head, and its role."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.corpus import heads
from reportgen.corpus.heads import ROLES, HeadWords


def test_an_even_head_goes_nowhere_beyond_itself() -> None:
    """Of 40 tokens: one is itself, 17 are near, 2 special, 10 punctuation; five words hold 8 of them."""
    flags = {"special": np.arange(40) < 2, "punctuation": np.arange(40) < 10}
    words = HeadWords(*(np.full((1, 1), share) for share in (0.2, 0.2)), np.zeros((1, 1, 3)), np.zeros((1, 1, 3)))
    even = {"self": 1 / 40, "previous": 1 / 40, "next": 1 / 40, "near": 17 / 40, "special": 2 / 40,
            "punctuation": 10 / 40, "words": 8 / 40, "entropy": 1.0}  # fmt: skip
    found = {name: np.full((1, 1), share) for name, share in even.items()}
    assert heads.excess(found, flags, words).ravel() == pytest.approx(np.zeros(len(ROLES)))
    del found["near"]
    assert heads.excess(found, flags, words)[ROLES.index("near tokens"), 0, 0] == -1


def test_near_tokens_is_a_role_where_no_other_is_clear() -> None:
    beyond = np.zeros((len(ROLES), 1, 4))
    beyond[0, 0, :2] = heads.CLEAR, heads.CLEAR - 0.01  # of the token before
    beyond[-1, 0, :3] = 0.9
    assert heads.roles(beyond).tolist() == [[0, len(ROLES) - 1, len(ROLES) - 1, len(ROLES)]]
