"""citation: a report -> BibTeX that the styles of the field set with an author and a year."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.report.paper.latex import citation
from tests import reports, tex

STYLES = (
    "plain",
    "plainnat",
    "IEEEtranN",
    "ACM-Reference-Format",
    "splncs04",
    "elsarticle-harv",
    "apsrev4-2",
    "apalike",
)


def of_demo() -> str:
    """The sources of a report whose model and dataset have one name."""
    report = reports.report("one")
    example, made = replace(report.example, dataset="demo"), replace(report.provenance, model="demo")
    return citation.citation(replace(report, example=example, provenance=made))


def test_every_entry_has_an_author_and_a_year_and_a_title_of_its_own() -> None:
    entries = re.split(r"\n(?=@)", of_demo())
    assert len(entries) == 6
    for entry in entries:
        assert re.search(r"^  author = {.*\w.*},$", entry, re.MULTILINE)
        assert re.search(r"^  year = {\d{4}}$", entry, re.MULTILINE)
    titles = re.findall(r"^  title = {(.*)},$", of_demo(), re.MULTILINE)
    assert len(set(titles)) == len(titles)
    assert {"{demo (model)}", "{demo (dataset)}"} <= set(titles)


def test_the_author_of_what_is_on_the_hub_is_its_owner() -> None:
    report = reports.report("one")
    made = replace(report.provenance, model="allenai/longformer-base-4096", revision="301e6a4")
    source = citation.citation(replace(report, provenance=made))
    assert "author = {{allenai}},\n  title = {{allenai/longformer-base-4096 (model)}}" in source
    assert "howpublished = {Model on the Hugging Face Hub}" in source


def test_reportgen_is_cited_as_its_repository_says() -> None:
    said = Path(__file__).parents[4].joinpath("CITATION.cff").read_text(encoding="utf-8")
    assert f"- name: {citation.CONTRIBUTORS}\n" in said
    title = re.findall(r'^title: "(.*)"$', said, re.MULTILINE)[0]
    assert f"author = {{{{{citation.CONTRIBUTORS}}}}},\n  title = {{{{{title}}}}}" in of_demo()


@tex.needs_tex
@pytest.mark.parametrize("style", STYLES)
def test_no_style_warns_of_an_entry(style: str, tmp_path: Path) -> None:
    if not tex.installed(f"{style}.bst"):
        pytest.skip(f"not installed: {style}.bst")
    (tmp_path / "all.bib").write_text(of_demo())
    (tmp_path / "x.aux").write_text(f"\\relax\n\\citation{{*}}\n\\bibstyle{{{style}}}\n\\bibdata{{all}}\n")
    done = subprocess.run([str(shutil.which("bibtex")), "x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    warned = re.findall(r"Warning--(.*)", done.stdout)
    own = ("model-demo", "dataset-demo", "reportgen")
    assert not [one for one in warned if any(key in one for key in own)]
    made = (tmp_path / "x.bbl").read_text()
    assert "demo (model)" in made
    assert "The reportgen contributors" in made
