"""Turn the HTML documentation of one project into pages of plain prose.

Code, formulas, signatures, parameter lists, tables and version notes are left out, and so are the names of
the projects: a classifier that reads them would recognise the project instead of the subject.
Does not tokenize. The text is only trained and measured on; none of it is shipped.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import html

DOCUMENTATION = Path("/usr/share/doc")
MAIN = "//*[@role='main'] | //main"
PARAGRAPHS = "//h1|//h2|//h3|//h4|//p|//li[not(.//p or .//li)]|//dd[not(.//p or .//li)]"
NOISE_TAGS = {"pre", "script", "style", "nav", "table", "button", "img", "math"}
NOISE_CLASSES = frozenset(
    """
    availability bibliographic boring citation contents deprecated field-list filename footnote footnote-reference
    headerlink math nav-chapters nav-wide-wrapper sig sig-object sphx-glr-download sphx-glr-download-link-note
    sphx-glr-footer sphx-glr-thumbcontainer sphx-glr-timing toctree-wrapper topic versionadded versionchanged
    versionmodified
    """.split()  # noqa: SIM905 - reads better than fifty quotation marks
)
SKIPPED_STEMS = frozenset(
    """
    SUMMARY about authors authors_emeritus bugs contents copyright download foreword genindex governance index
    install license presentations print py-modindex related_projects roadmap search searchindex support
    testimonials title-page whats_new
    """.split()  # noqa: SIM905 - likewise
)
PROJECT_NAMES = re.compile(
    r"""\b(?:
    (?:C?Python|PyPI|scikit-learn|sklearn|NumPy|SciPy|pandas|matplotlib|statsmodels|patsy|Rust(?:aceans?)?|Cargo)
    (?:['\u2019]s)?
    |numpy|scipy|rustc|cargo)\b""",
    re.VERBOSE,
)
IDENTIFIERS = re.compile(
    r"""\S*(?:\w[._:]+\w+\.\w|\w_\w|__\w|::|\(\)|https?://)\S*  # dotted, underscored, called; a link
    |\$[^$]*\$|\\\([^)]*\\\)  # a formula
    |\[\d+\]  # a reference""",
    re.VERBOSE,
)
MIN_PARAGRAPH_WORDS = 8
MIN_PAGE_WORDS = 120


@dataclass(frozen=True, slots=True)
class Project:
    """The documentation of one project: its place and its class."""

    name: str
    label: int  # 0 programming languages, 1 machine learning
    root: Path
    folders: tuple[str, ...]  # relative to root; "" is the root itself, without its sub-folders


def pages(project: Project) -> list[list[str]]:
    """Prose of every page of *project* in path order, each a list of paragraphs; none occurs twice."""
    seen: set[str] = set()
    kept = []
    for path in page_paths(project):
        page = [text for text in dict.fromkeys(paragraphs(path)) if text not in seen]
        seen.update(page)
        if sum(len(text.split()) for text in page) >= MIN_PAGE_WORDS:
            kept.append(page)
    return kept


def page_paths(project: Project) -> Iterator[Path]:
    """Paths of the pages that hold content, sorted."""
    for folder in project.folders:
        base = project.root / folder
        found = base.rglob("*.html") if folder else base.glob("*.html")
        yield from sorted(path for path in found if path.stem not in SKIPPED_STEMS)


def paragraphs(path: Path) -> list[str]:
    """Headings and paragraphs of one page, in order, cleaned."""
    main = html.fromstring(path.read_bytes()).xpath(MAIN)
    if not main:
        return []
    body = html.fromstring(html.tostring(main[-1], encoding="unicode"))
    for element in body.xpath("//*"):
        if element.tag in NOISE_TAGS or not NOISE_CLASSES.isdisjoint(element.get("class", "").split()):
            element.drop_tree()
    cleaned = [(element.tag, clean(element.text_content())) for element in body.xpath(PARAGRAPHS)]
    return [text for tag, text in cleaned if len(text.split()) >= (1 if tag[0] == "h" else MIN_PARAGRAPH_WORDS)]


def clean(text: str) -> str:
    """*text* without project names, dotted or underscored identifiers, links and formulas, on one line."""
    without = PROJECT_NAMES.sub("", IDENTIFIERS.sub("", text))
    return re.sub(r"\s+([,.;:)])", r"\1", " ".join(without.split())).strip()


def straight(text: str) -> str:
    """*text* with typewriter quotation marks and dashes."""
    return text.translate(str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--"))


def curly(text: str) -> str:
    """*text* with typographic quotation marks."""
    opened = re.sub(r"(?<![^\s(\[])'(?=\S)", "\u2018", re.sub(r'(?<![^\s(\[])"(?=\S)', "\u201c", text))
    return opened.replace("'", "\u2019").replace('"', "\u201d")


TYPOGRAPHIES = (straight, curly)


def projects(documentation: Path) -> list[Project]:
    """The four projects as Debian installs their documentation: two to train on, then two held out."""
    return [
        Project(
            name="python3.11-doc",
            label=0,
            root=documentation / "python3.11/html",
            folders=(
                "tutorial",
                "reference",
                "howto",
                "faq",
                "library",
                "c-api",
                "extending",
                "whatsnew",
                "using",
            ),
        ),
        Project(
            name="python-sklearn-doc",
            label=1,
            root=documentation / "python-sklearn-doc/html",
            folders=("modules", "auto_examples", "tutorial", "datasets", ""),
        ),
        Project(
            name="rust-doc",
            label=0,
            root=documentation / "rust-doc/html",
            folders=("book", "reference", "nomicon", "edition-guide", "rust-by-example", "embedded-book"),
        ),
        Project(
            name="python-statsmodels-doc",
            label=1,
            root=documentation / "python-statsmodels-doc/html",
            folders=("examples", "", "generated"),
        ),
    ]
