"""Cite the model, the dataset, the methods and reportgen as BibTeX."""

from __future__ import annotations

import re
import unicodedata

from reportgen.core.nouns.records import Provenance, Report
from reportgen.data import naming
from reportgen.report.paper.latex.letters import escape

BIB = frozenset(map(chr, range(0x20, 0x7F))) | frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")
CONTRIBUTORS = "The reportgen contributors"  # as in CITATION.cff

LONGFORMER = """@article{beltagy2020longformer,
  author = {Beltagy, Iz and Peters, Matthew E. and Cohan, Arman},
  title = {{Longformer}: The Long-Document Transformer},
  journal = {arXiv preprint arXiv:2004.05150},
  year = {2020}
}
"""
TAYLOR = """@inproceedings{molchanov2019importance,
  author = {Molchanov, Pavlo and Mallya, Arun and Tyree, Stephen and Frosio, Iuri and Kautz, Jan},
  title = {Importance Estimation for Neural Network Pruning},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  pages = {11264--11272},
  year = {2019}
}

@inproceedings{li2021t3vis,
  author = {Li, Raymond and Xiao, Wen and Wang, Lanjun and Jang, Hyeju and Carenini, Giuseppe},
  title = {{T3-Vis}: visual analytic for Training and fine-Tuning Transformers in {NLP}},
  booktitle = {Proceedings of EMNLP 2021: System Demonstrations},
  pages = {220--230},
  year = {2021}
}
"""


def citation(report: Report) -> str:
    """BibTeX of the model, the dataset, the methods and reportgen itself."""
    made, example = report.provenance, report.example
    weights = f"{made.model_type}, revision {made.revision}, weights SHA-256 {made.weights_sha256[:12]}"
    if report.given:
        weights = f"Scores computed elsewhere, revision {made.revision}"
    found = []
    if made.model != "not named":
        hub = "/" in made.model and made.revision != "local"
        found.append(_entry("model", made.model, "Model", weights, made, hub=hub))
    if example.dataset:
        split = f"split {example.split}" if example.split else ""
        row = f"row {example.index}" if example.index is not None else ""
        revision = f"revision {_brief(example.revision)}" if example.revision else ""
        note = ", ".join(part for part in (revision, split, row) if part)
        found.append(_entry("dataset", example.dataset, "Dataset", note, made, hub="/" in example.dataset))
    if made.model_type == "longformer":
        found.append(LONGFORMER)
    if report.importance.measure.startswith("taylor"):
        found.append(TAYLOR)
    version = f"Version {made.versions.get('reportgen', 'unknown')}"
    title = "reportgen: attention reports of long-document classifiers"
    own = _written("reportgen", CONTRIBUTORS, title, "Computer software", version, made)
    return "\n".join([*found, own])


def _brief(revision: str) -> str:
    """A revision that fits into a column: of a hash, its first letters."""
    return revision[: len("sha256:") + 12] if revision.startswith("sha256:") else revision


def _entry(kind: str, name: str, what: str, note: str, made: Provenance, *, hub: bool) -> str:
    """A model or a dataset. Who made it is known by its owner on the hub; otherwise its name stands for its makers."""
    owner = name.split("/", 1)[0] if hub else name
    place = f"{what} on the Hugging Face Hub" if hub else what
    return _written(f"{kind}-{naming.label(name)}", owner, f"{name} ({kind})", place, note, made)


def _written(key: str, author: str, title: str, published: str, note: str, made: Provenance) -> str:
    # subtle: not @software or @dataset. Of 15 styles of BibTeX that were tried 13 know neither, and ACM's misses an
    # organization; for biblatex both are @misc. All of them set these fields without a warning.
    year = re.match(r"\d{4}", made.created)
    more = f"  note = {{{_bib(note)}}},\n" if note else ""
    return (
        f"@misc{{{key},\n  author = {{{{{_bib(author)}}}}},\n  title = {{{{{_bib(title)}}}}},\n"
        f"  howpublished = {{{published}}},\n{more}  year = {{{year[0] if year else 'n.d.'}}}\n}}\n"
    )


def _bib(text: str) -> str:
    """Text for a style of any encoding: of other letters than those of Latin-1, the code."""
    known = (c if c in BIB else f"[U+{ord(c):04X}]" for c in unicodedata.normalize("NFC", " ".join(text.split())))
    return escape("".join(known)).replace(r"\textquotedbl{}", r"{\textquotesingle\textquotesingle}")
