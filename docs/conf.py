"""Settings of the manual: `make docs`. Sphinx reads the Markdown pages with MyST and checks every link in them."""

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import reportgen

COMMENT = re.compile(r"^    (\w+): .+?  # (.+)$", re.MULTILINE)  # of a field of a dataclass

project = html_title = "reportgen"
version = release = reportgen.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
smartquotes = False  # or --text would become –text
default_role = "code"  # docstrings write `name`
highlight_language = "text"
autodoc_typehints = "none"  # shapes and units are in the docstrings
html_theme = "furo"
html_extra_path = ["report.schema.json", "manifest.schema.json"]
html_copy_source = html_show_sphinx = html_show_copyright = False
if tags.has("pages"):  # noqa: F821  Sphinx sets it: published, with the gallery in a folder of the manual
    templates_path = ["_templates"]
    parts = ["brand", "search", "scroll-start", "navigation"]
    html_sidebars = {"**": [*(f"sidebar/{part}.html" for part in parts), "gallery.html", "sidebar/scroll-end.html"]}


def describe_fields(_app: Any, what: str, _name: str, item: Any, _options: Any, lines: list[str]) -> None:
    """Add the fields of a dataclass, with their types and with the comments that explain them in the source."""
    if what == "class" and dataclasses.is_dataclass(item):
        comments = dict(COMMENT.findall(inspect.getsource(item)))
        found = [f"* **{f.name}** (``{f.type}``) {comments.get(f.name, '')}" for f in dataclasses.fields(item)]
        lines += ["", *found, ""]


def without_signature(_app: Any, what: str, *_: Any) -> tuple[str, None] | None:
    """Leave out the signature of a class: its fields are listed."""
    return ("", None) if what == "class" else None


def list_modules(_app: Any, _page: str, source: list[str]) -> None:
    """Put a table of all modules, a room after the other, where a page has the comment `modules`."""
    source[0] = re.sub(r"^<!-- modules: .* -->$", lambda _: _modules(), source[0], flags=re.MULTILINE)


def _modules() -> str:
    package = Path(reportgen.__file__).parent
    rows = []
    for path in sorted(package.rglob("*.py"), key=lambda path: (path.parent.relative_to(package).parts, path.stem)):
        paragraph = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
        sentence = re.match(r".*?[.](?=\s|$)|.*", " ".join(paragraph.split()))
        name = path.relative_to(package).as_posix().replace("__init__.py", "")
        rows.append(f"| `{name or 'reportgen/'}` | {sentence[0] if sentence else ''} |")
    return "\n".join(["| module | what it does |", "|---|---|", *rows])


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("autodoc-process-docstring", describe_fields, priority=400)  # before Napoleon
    app.connect("autodoc-process-signature", without_signature)
    app.connect("source-read", list_modules)
