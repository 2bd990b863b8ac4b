"""The project's own facts: each stands in one place, or the places agree."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

import reportgen

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
DISTRIBUTIONS = {  # named otherwise than what is imported
    "PIL": "pillow", "docx": "python-docx", "google": "protobuf", "sklearn": "scikit-learn",
    "vl_convert": "vl-convert-python", "yaml": "pyyaml",
}  # fmt: skip

STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)  # imports are in no expression


def declared(requirements: list[str]) -> set[str]:
    """Names of packages, as their index writes them."""
    return {re.split(r"[<>=!~ \[;]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def imported(folder: Path) -> set[str]:
    """The packages that the modules of a folder import when they run: not Python's own, not for types alone."""
    names = set[str]()
    for path in folder.rglob("*.py"):
        waiting: list[ast.AST] = [ast.parse(path.read_text())]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                node.body = []
            waiting += (child for child in ast.iter_child_nodes(node) if isinstance(child, STATEMENTS))
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    ours = {"benchmarks", "reportgen", "scripts", "tests", "training", *sys.stdlib_module_names}
    return {DISTRIBUTIONS.get(name, name).lower().replace("_", "-") for name in names - ours}


def released() -> tuple[str, str]:
    """Version and date of the newest release in the changelog."""
    text = (ROOT / "CHANGELOG.md").read_text()
    found = re.search(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", text, re.MULTILINE)
    assert found
    return found[1], found[2]


def test_the_tests_of_a_file_are_on_one_worker(request: pytest.FixtureRequest) -> None:
    """pytest-xdist reads the group behind the name; without it every test would be sent alone."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("one process, or not by groups")
    assert request.node.nodeid.endswith("@test_project")


def test_the_version_stands_in_the_package_alone() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert "version" not in PROJECT["project"]
    assert (ROOT / PROJECT["tool"]["hatch"]["version"]["path"]).resolve() == Path(reportgen.__file__).resolve()
    assert metadata.version("reportgen") == reportgen.__version__, "install again: the version has changed since"


def test_citation_and_changelog_name_the_version_and_its_date() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert released() == (reportgen.__version__, str(citation["date-released"]))
    assert citation["version"] == reportgen.__version__
    assert citation["license"] == PROJECT["project"]["license"]


def test_examples_in_docstrings_give_what_they_say() -> None:
    paths = [path.relative_to(ROOT) for path in (ROOT / "reportgen").rglob("*.py") if ">>> " in path.read_text()]
    assert len(paths) > 40
    for path in paths:
        ran = doctest.testmod(importlib.import_module(".".join(path.with_suffix("").parts)))
        assert ran.attempted, path
        assert not ran.failed, f"{path}: see above"


def test_what_the_manual_names_of_the_package_is_there() -> None:
    """`reportgen.report.stored.store.load`, say: modules, and what is in them."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    found = {
        name for page in pages for name in re.findall(r"(?<![\w./-])reportgen(?:\.[A-Za-z_]\w*)+", page.read_text())
    }
    assert len(found) > 5
    for name in sorted(found):
        pkgutil.resolve_name(name)  # raises where there is nothing


def test_what_is_imported_is_what_is_declared() -> None:
    """Nothing is there by chance because another package brings it, and nothing is installed for no use."""
    extras = PROJECT["project"]["optional-dependencies"]
    needed = declared(PROJECT["project"]["dependencies"])
    optional = (
        declared(extras["ray"]) | declared(extras["train"]) | declared(extras["peft"]) | declared(extras["files"])
    )
    found = imported(ROOT / "reportgen") | imported(ROOT / "training")
    assert found - optional == needed
    assert optional <= found
    assert imported(ROOT / "tests") <= needed | declared(extras["dev"])


def test_an_import_that_is_not_declared_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        "import os, yaml.nodes\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import httpx\n"
        "def later():\n    from PIL import Image\n"
    )
    assert imported(tmp_path) == {"pyyaml", "pillow"}
