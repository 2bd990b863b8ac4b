"""Collect the versions of the libraries that make a report."""

import functools
import platform
from importlib import metadata

PRESENTATION = ("numpy", "pyarrow", "altair", "vl-convert-python", "weasyprint", "jinja2", "safetensors", "pillow")
_version = functools.cache(metadata.version)  # every report of a batch names them all


def installed(*analysis: str) -> dict[str, str]:
    """Versions of Python, of reportgen, of the packages that read the model, if any did, and of those that present."""
    return {"python": platform.python_version(), **of("reportgen", *analysis, *PRESENTATION)}


def of(*names: str) -> dict[str, str]:
    """Versions of some packages."""
    return {name: _version(name) for name in names}
