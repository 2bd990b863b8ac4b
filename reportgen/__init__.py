"""reportgen: which tokens the attention heads of a long-document classifier attend to, as HTML and PDF.

The steps, in their order (see `pipeline.py`, and from step 6 on `present.py`):

1. choice       a source and a choice                -> Example
2. forward pass Classifier, Example                  -> Prediction, and attention, one layer at a time
3. convert      one layer of attention               -> attention received, top-k attended
4. scale        received attention, head importance  -> scores
5. rank         scores                               -> rankings
6. heatmap, tables, charts                           -> coloured text, tables, figures
7. render, pdf  Report                               -> HTML text, PDF bytes
   figures, excerpt, latex                           -> files for a manuscript
8. store        a finished report                    -> a folder with a manifest

Over a whole split, `predict_split.py` predicts every row, for the choice in step 1, and `measure_split.py` measures
head importance on a sample, for step 4.

Steps 1 to 5 are the analysis and use torch; steps 6 to 8 are the presentation and do not.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reportgen.core.config import Config
    from reportgen.core.errors import ReportgenError
    from reportgen.core.nouns.records import Report
    from reportgen.notebook.explain import explain

__version__ = "0.1.0"  # its only home; CITATION.cff and CHANGELOG.md are checked against it

__all__ = ["Config", "Report", "ReportgenError", "__version__", "explain"]

HOMES = {
    "Config": "reportgen.core.config",
    "Report": "reportgen.core.nouns.records",
    "ReportgenError": "reportgen.core.errors",
    "explain": "reportgen.notebook.explain",
}


def __getattr__(name: str) -> object:
    """What the package offers is imported when it is asked for: `reportgen --help` needs no numpy.

    Not by a statement: no room depends on the notebook because it imports reportgen.
    """
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    """What the package offers, for completion."""
    return sorted({*__all__, *globals()} - {"HOMES", "TYPE_CHECKING", "importlib"})
