"""Turn a report into HTML: the page for the browser, and the document that becomes the PDF.

The one Jinja environment. Autoescape is on for every template; data reaches scripts only as JSON blocks. Unescaped are
only our own CSS and JavaScript, and SVG after a check of every element and attribute.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
import jinja2.meta
import numpy as np
from markupsafe import Markup

from reportgen.core import characters, numbers, palette, presets
from reportgen.core.config import Paper, PdfViews
from reportgen.core.nouns.records import Report
from reportgen.report import even_share, heatmap, signed, tables, words
from reportgen.report.page import plates
from reportgen.report.page.compress import Packed, dense, pack
from reportgen.report.page.styles import dark, policy, variables
from reportgen.report.page.svg import THEME, strip, svg_markup
from reportgen.report.parts import HeatView, Line, Parts

PACKAGE = Path(__file__).parents[2]
SCRIPTS = ("first", "dom", "data", "state", "scores", "heat", "signed", "captions", "save", "tables", "charts", "maps",
           "walk", "find", "strip", "token", "rankings", "removed", "contents", "controls", "main")  # fmt: skip
TEMPLATES = (PACKAGE / "templates", PACKAGE.parent / "templates")  # installed, or a checkout
OPTION = re.compile(r"((?<!\S)--[a-z][a-z-]*)")
SMALL = "Deletion curve: the probability as words are removed, against the band of random choices"
WIDE = 40  # letters of a word that may be wider than a line
TALL = 14_000  # points: no page of a PDF is higher
SECTION = re.compile(
    r'<script type="application/json" id="data-(?P<block>[\w-]+)">.*?</script>'
    r'|<(?P<tag>script|style|svg)\b.*?</(?P=tag)>|<(?:img|source) [^>]*>|<div class="text".*?</div>',
    re.DOTALL,
)
SITE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Place:
    """The additions of a site to the page of a report: its place in the site, and its links."""

    site: str  # title
    language: str  # of the title and the note
    root: str = "../../"  # from the page to the top of the site
    address: str | None = None  # of the folder of the page, with a slash at its end; None: not known
    description: str = ""  # in a sentence or two, for those who link to it
    note: str | None = None  # of the site on this report
    previous: tuple[str, str] | None = None  # folder and title
    next: tuple[str, str] | None = None
    pdf: bool = False  # whether there is one
    download: bool = False  # whether there is the self-contained page
    corpus: str | None = None  # its place in the report over the batch, from the top of the site


def page(report: Report, parts: Parts, *, bundle: str) -> str:
    """The self-contained page. *bundle* is the script that draws the live charts."""
    names = SCRIPTS if signed.found(report) else tuple(name for name in SCRIPTS if name != "signed")
    scripts = tuple(_source(f"js/{name}.js") for name in names)
    for source in scripts:
        _check_script(source)
    style = _page_style()
    return _page(
        report,
        parts,
        site=None,
        style=Markup(style),
        scripts=[Markup(source) for source in scripts],
        policy=policy(style, (*scripts, bundle)),
        blocks={"theme": THEME} | parts.blocks | {"bundle": _packed(bundle)},
    )


def site_page(report: Report, parts: Parts, place: Place, *, bundle: str) -> str:
    """The same page as one of a site: it shares styles and scripts with the others, and its data are packed as one.

    Args:
        report: What is shown.
        parts: From `present.make_parts`.
        place: What the site adds.
        bundle: As for `site_assets`.
    """
    text = json.dumps({"theme": THEME} | parts.blocks, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    packed = dense(text.encode())
    site = {
        "place": place,
        "assets": {name: f"{place.root}{path}" for name, (path, _) in _shared(bundle).items()},
        "packed": Markup(packed.text),  # its letters mean nothing to HTML
        "length": packed.length,
    }
    return _page(report, parts, site=site, scripts=["first", "report"], policy=SITE_POLICY, blocks={})


def site_assets(bundle: str) -> dict[str, bytes]:
    """The files that the pages of a site share, by path; a path changes with the contents of the file.

    Args:
        bundle: The script that draws the live charts.
    """
    return dict(_shared(bundle).values())


def asset_path(name: str, content: bytes, *, folder: str = "assets") -> str:
    """The path of a file shared by pages: it contains a hash of the file, so that browsers may cache it.

    >>> asset_path("report.css", b"")
    'assets/report-e3b0c44298.css'
    """
    stem, _, kind = name.rpartition(".")
    return f"{folder}/{stem}-{hashlib.sha256(content).hexdigest()[:10]}.{kind}"


def sections(html: str) -> dict[str, int]:
    """The parts of a page with their sizes, largest first; they add up to the whole page."""
    sizes: dict[str, int] = {}
    for match in SECTION.finditer(html):
        name = match["block"] or {"script": "scripts", "style": "styles", "svg": "drawings"}.get(match["tag"] or "")
        name = name or ("text" if match[0].startswith("<div") else "drawings")
        name = "charts" if name.startswith("spec-") else name
        sizes[name] = sizes.get(name, 0) + len(match[0].encode())
    sizes["markup and tables"] = len(html.encode()) - sum(sizes.values())
    return dict(sorted(sizes.items(), key=lambda section: -section[1]))


def _page(report: Report, parts: Parts, **how: object) -> str:
    """The page for the browser, with the parts common to both kinds."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            parts=parts,
            paper=False,
            curve=svg_markup(parts.small, themed=True, title=SMALL) if parts.small else "",
            anchors=[f"at-{passage.first}" for passage in parts.key.passages],
            anchored={passage.first for passage in parts.key.passages},
            spans=list(zip(parts.spans[0], _classes(parts), strict=True)),
            figures=[svg_markup(chart.svg, themed=True) for chart in parts.charts],
            curves=[svg_markup(chart.svg, themed=True) for chart in parts.curves],
            has_list=bool(words.stop_words(report.language)),
            **how,
        )
    )


def document(
    report: Report,
    parts: Parts,
    *,
    paper: Paper = "a4",
    views: PdfViews = "main",
    attached: tuple[str, ...] = (),
    painted: bool = True,
) -> str:
    """The same report as one printable document, without scripts and controls.

    Args:
        report: From `pipeline.analyse`, or from `store.load`.
        parts: From `present.make_parts`.
        paper: What it is printed on.
        views: Print the text in the first view, and strips of the others; or the text in all of them.
        attached: Names of the files that the PDF carries.
        painted: Set the text in one piece and say what is painted behind it; False: give every token its own span.
    """
    style = paper_style("document")
    return (
        environment()
        .get_template("document.html.j2")
        .render(
            report=report,
            parts=parts,
            paper=True,
            curve=svg_markup(parts.small, themed=False, title=SMALL) if parts.small else "",
            anchors=[f"line-{line_of(parts.lines[0], passage.first)}" for passage in parts.key.passages],
            anchored=(),
            attached=attached,
            painted=painted,
            whole=len(parts.views) if views == "all" else 1,
            strips=[strip(*shown, tokens=len(report.tokens)) for shown in zip(parts.views, parts.spans, strict=True)],
            style=Markup(f"@page{{size:{paper}}}\n{style}"),
            findings=[
                svg_markup(one.svg, themed=False, title=f"{one.number} {one.sentence}") for one in parts.findings
            ],
            figures=plates.figures(parts.charts, parts.maps),
            tables=plates.tables([tables.on_paper(table) for table in parts.tables]),
            curves=plates.curves(parts.curves),
        )
    )


def line_of(lines: tuple[Line, ...], position: int) -> int:
    """The number of the line in which the token at *position* begins."""
    held = (number for number, line in enumerate(lines) if any(0 <= run.first <= position for run in line.runs))
    return max(held, default=0)


def excerpt(
    report: Report,
    view: HeatView,
    lines: tuple[Line, ...],
    *,
    width: float,
    height: float | None,
    family: str,
    title: str,
    painted: bool = True,
) -> str:
    """A stretch of the heatmap as a page of its own.

    Args:
        report: Whose text it is.
        view: Its colours.
        lines: From `heatmap.lines`.
        width: Points.
        height: Points; None where it is to be measured: the page is high then, and the steps of the legend are links.
        family: Fonts, as CSS lists them.
        title: What a reader calls it.
        painted: As for `document`.
    """
    size = f"@page{{size:{width:.2f}pt {height or TALL:.2f}pt}}\nhtml{{font-family:{family}}}\n"
    style = paper_style("excerpt") + size
    template = environment().get_template("excerpt.html.j2")
    return template.render(
        report=report,
        view=view,
        lines=lines,
        title=title,
        measuring=height is None,
        painted=painted,
        style=Markup(style),
    )


def plain_page(template: str, styles: tuple[str, ...], **values: object) -> str:
    """A page without scripts, with its styles inside; the template prints *values*."""
    style = style_sheet(styles)
    fields = {"style": Markup(style), "policy": policy(style, ())} | values
    return environment().get_template(template).render(fields)


def style_sheet(names: tuple[str, ...]) -> str:
    """The colours, light and dark, and the style sheets of these names, as one."""
    return variables(palette.LIGHT) + dark() + sheets(names)


def sheets(names: tuple[str, ...]) -> str:
    """The style sheets of these names, as one, without colours."""
    return "".join(_source(f"css/{name}.css") for name in names)


def script(names: tuple[str, ...]) -> str:
    """The scripts of these names, as one."""
    return "".join(_source(f"js/{name}.js") for name in names)


@functools.cache
def sources(*names: str) -> str:
    """A hash over templates of these names and all that they include."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _source(name)
            waiting += filter(None, jinja2.meta.find_referenced_templates(environment().parse(found[name])))
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def json_block(value: object) -> Markup:
    r"""JSON that is safe inside a script element, whatever strings it holds.

    >>> json_block("</script>")
    Markup('"\\u003c/script\\u003e"')
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def pieces(text: str) -> list[tuple[str, bool]]:
    """Split *text* into (stretch, whether it is a label for characters that have no face of their own)."""
    found: list[tuple[str, bool]] = []
    for character in characters.one_break(text):
        name = characters.label(character)
        if name is None and found and not found[-1][1]:
            found[-1] = (found[-1][0] + character, False)
        else:
            found.append((name or character, name is not None))
    return found


def options(text: str) -> list[tuple[str, bool]]:
    """Split *text* into (stretch, whether it is the name of an option, which no line should break)."""
    parts = OPTION.split(text)  # every second one is a name
    return [(part, index % 2 == 1) for index, part in enumerate(parts) if part]


@functools.cache
def environment() -> jinja2.Environment:
    """The one Jinja environment."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([str(folder) for folder in TEMPLATES if folder.is_dir()]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["json"] = json_block
    made.filters["pieces"] = pieces
    made.filters["options"] = options
    made.filters["printed"] = heatmap.printed
    made.filters["hottest"] = heatmap.hottest
    made.filters["right_to_left"] = characters.right_to_left
    made.filters["wide"] = lambda text: max(map(len, text.split()), default=0) > WIDE
    made.filters["percent"] = lambda share: f"{share:.1%}"
    made.filters |= {"number": lambda value: f"{value:,}", "legend": heatmap.labels}
    made.globals["signed"] = signed  # what templates ask of a report
    made.filters |= {"numeral": numbers.numeral, "short": lambda value: f"{value:.3g}"}
    made.filters |= {"multiple": even_share.multiple, "almost_even": even_share.almost_even}
    made.filters["not_by_default"] = presets.not_by_default
    made.filters["base64"] = lambda data: base64.b64encode(data).decode()
    return made


@functools.cache
def _page_style() -> str:
    """On the screen the page has its own looks; printed, it has those of the document that becomes the PDF."""
    screen = "".join(_source(f"css/{name}.css") for name in ("page", "instrument", "forced"))
    return (
        f"{variables(palette.LIGHT)}"
        f"{_source('css/heat.css')}{_source('css/signed.css')}{_source('css/views.css')}"
        f"@media screen{{\n{dark()}{screen}}}\n"
        f"@media print{{\n{_source('css/document.css')}{_source('css/print.css')}}}\n"
    )


@functools.cache
def _shared(bundle: str) -> dict[str, tuple[str, bytes]]:
    """The files that the pages of a site share: path and content by kind."""
    first, *others, main = (_source(f"js/{name}.js") for name in SCRIPTS)
    started = f"reportgen.main = () => {{\n{main}}};\n"  # as soon as the data are unpacked
    contents = {
        "style": ("report.css", _page_style() + _source("css/shared.css")),
        "first": ("first.js", first),
        "report": ("report.js", "".join((*others, started, _source("js/shared.js")))),
        "vega": ("vega.js", bundle),
    }
    return {what: (asset_path(name, content.encode()), content.encode()) for what, (name, content) in contents.items()}


@functools.cache
def _packed(bundle: str) -> Packed:
    """A script in few bytes; the page unpacks it when the text can be read."""
    return pack(np.frombuffer(bundle.encode(), np.uint8))


@functools.cache
def _source(name: str) -> str:
    loader = environment().loader
    assert loader is not None  # set in environment
    return loader.get_source(environment(), name)[0]


def paper_style(*names: str) -> str:
    """The style sheets of these names, with the colours of paper."""
    return variables(palette.PAPER) + sheets((*names, "heat", "signed"))


def _classes(parts: Parts) -> list[str]:
    """CSS classes of every stretch, one per view that has no sign: "a3 r0 l5"; "" for gaps and special tokens."""
    plain = [(view.key[0], runs) for view, runs in zip(parts.views, parts.spans, strict=True) if not view.signed]
    named = [[f"{letter}{run.heat}" if run.heat >= 0 else "" for run in runs] for letter, runs in plain]
    return [" ".join(filter(None, names)) for names in zip(*named, strict=True)]


def _check_script(source: str) -> None:
    if re.search(r"</script|<!--", source, re.IGNORECASE):
        raise ValueError("a script holds a sequence that would end its element")
