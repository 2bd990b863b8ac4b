"""Turn sums over documents into a mean and the interval that says how sure it is.

Documents are what is sampled: a mean over documents has Student's interval of 95 %, a share of documents Wilson's.
Nothing is said of tokens or heads as if they were independent.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Doubles = npt.NDArray[np.float64]

LEVEL = 0.95
FEW = 30  # documents below which a reader is told so
LEAST = 2  # documents below which a mean has no interval


class Mean(NamedTuple):
    """Means over documents, with the ends of their intervals; NaN without an interval."""

    mean: Doubles
    low: Doubles
    high: Doubles


def mean(documents: npt.ArrayLike, total: npt.ArrayLike, squares: npt.ArrayLike) -> Mean:
    """Mean and Student's interval from three sums; of one document there is no interval.

    >>> mean([2], [4.0], [10.0])
    Mean(mean=array([2.]), low=array([-10.70620474]), high=array([14.70620474]))
    """
    count, added = np.asarray(documents, np.float64), np.asarray(total, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = added / count
        error = np.sqrt(variance(documents, total, squares) / count)
        half = np.where(count >= LEAST, _t(np.maximum(count - 1, 1)) * error, np.nan)
    return Mean(middle, middle - half, middle + half)


def variance(documents: npt.ArrayLike, total: npt.ArrayLike, squares: npt.ArrayLike) -> Doubles:
    """The variance over documents (n - 1 below the line); NaN for one document."""
    count, added = np.asarray(documents, np.float64), np.asarray(total, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (np.asarray(squares, np.float64) - added * added / count) / (count - 1)
    return np.where(count >= LEAST, np.maximum(found, 0.0), np.nan)  # rounding may leave it below 0


def of(table: pa.Table) -> Mean:
    """The means of a table of sums, (row,)."""
    return mean(*(table[name].to_numpy() for name in ("documents", "total", "squares")))


def share(some: int, of_all: int) -> tuple[float, float, float]:
    """A share of documents with Wilson's interval; NaN of none.

    >>> [round(value, 4) for value in share(8, 10)]
    [0.8, 0.4902, 0.9433]
    """
    if of_all == 0:
        return float("nan"), float("nan"), float("nan")
    z, p = 1.959963984540054, some / of_all
    below = 1 + z * z / of_all
    middle = (p + z * z / (2 * of_all)) / below
    half = z * ((p * (1 - p) + z * z / (4 * of_all)) / of_all) ** 0.5 / below
    return p, max(middle - half, 0.0), min(middle + half, 1.0)


def _t(freedom: Doubles) -> Doubles:
    """The quantiles of Student's distribution that leave 5 % outside."""
    different, where = np.unique(freedom, return_inverse=True)
    found: Doubles = np.array([_quantile(float(one)) for one in different])[where].reshape(np.shape(freedom))
    return found


@functools.cache
def _quantile(freedom: float) -> float:
    from scipy import stats  # and not before a number is asked for: it takes a while to load

    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))
