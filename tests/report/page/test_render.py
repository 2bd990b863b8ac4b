"""render: a report -> the page and the printable document.

The golden files are renewed by `python -m tests.report.page.test_render`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair as alt
import html5lib
import jinja2
import jinja2.nodes
import numpy as np
import pytest
from hypothesis import given

from reportgen.core.nouns.records import Prediction, Report, ReportWarning, Tokens
from reportgen.report.page import render
from reportgen.report.page.svg import THEME, svg_markup
from tests import reports
from tests.reports import stub_page as page

GOLDEN = Path(__file__).parents[2] / "golden"
SOURCES = sorted(next(f for f in reversed(render.TEMPLATES) if f.is_dir()).rglob("*.j2"))
HTML = "{http://www.w3.org/1999/xhtml}"
Element = ElementTree.Element


def document(report: Report, text: str = "small") -> str:
    """The printable document with a stub chart."""
    return render.document(report, reports.parts(report, (reports.stub_chart(text),)))


BOTH = pytest.mark.parametrize("shown", [page, document])


def tree(html: str) -> Element:
    """What a browser makes of it."""
    return html5lib.parse(html)  # type: ignore[no-any-return]


def elements(root: Element, name: str) -> list[Element]:
    """HTML elements of one name, in order."""
    return list(root.iter(HTML + name))


def said(element: Element) -> str:
    """All text below an element."""
    return "".join(element.itertext())


def region(root: Element, name: str) -> Element:
    """The section that assistive technology finds by *name*."""
    titles = {e.get("id"): said(e) for e in root.iter() if e.get("id")}
    found = [
        e for e in elements(root, "section") if name in (titles.get(e.get("aria-labelledby")), e.get("aria-label"))
    ]
    assert len(found) == 1, f"{len(found)} regions named {name}"
    return found[0]


def text_blocks(root: Element) -> list[Element]:
    """The coloured documents."""
    return [e for e in elements(root, "div") if e.get("class") == "text"]


APART = re.compile("[\u2066\u2069\u202f]")  # around what is framed in print


def framed(block: Element) -> Iterator[tuple[str, str]]:
    """The characters of a printed text with their frames: "s" special token, "e" echo, "l" label."""
    for line in (one for one in block if one.get("data-heat")):
        text = said(line)
        for count, frame in re.findall(r"(\d+)([a-z]?)(?::\d+)?", line.get("data-heat") or ""):
            yield text[: int(count)], frame
            text = text[int(count) :]
        assert not text


def specials(block: Element) -> list[str]:
    """The names of special tokens, on a page or in print."""
    printed = [APART.sub("", text) for text, frame in framed(block) if frame == "s"]
    return printed or [said(e) for e in block.iter() if e.get("class") == "special"]


# --- the whole, by hand -------------------------------------------------------------------------------------------


def golden() -> dict[str, str]:
    """Page and document of the small report."""
    report = reports.report(
        "Heads look\nfar: 50 %.", top_k=2, warnings=(ReportWarning("negative-importance", "Some heads count against."),)
    )
    return {"report.html": skeleton(page(report)), "document.html": skeleton(document(report))}


def skeleton(html: str) -> str:
    """Without what has files and tests of its own, and without packed bytes, which no one reads."""
    html = re.sub(r"(<(script|style)>).*?(</\2>)", r"\1...\3", html, flags=re.DOTALL)
    html = re.sub(r"sha256-[\w+/=]+|(?<=base64,)[\w+/=]+", "...", html)
    return re.sub(r'(?<="data":")[\w+/=]+', "...", html)


@pytest.mark.parametrize("name", ["report.html", "document.html"])
def test_the_small_report_looks_as_it_did(name: str) -> None:
    """After a change that is meant: python -m tests.report.page.test_render, then read the diff."""
    assert golden()[name] == (GOLDEN / name).read_text(encoding="utf-8")


@BOTH
@pytest.mark.parametrize(
    ("gold", "sentence"),
    [
        ((0, 1), "left, right, which is right: exactly the gold labels."),
        ((0, 2), "left, right, which is wrong: the gold labels are left, far."),
        ((), "left, right, which is wrong: the gold labels are no label."),
        (None, "left, right; no gold labels were given."),
    ],
)
def test_several_labels_are_marked_each_by_itself(shown: Any, gold: tuple[int, ...] | None, sentence: str) -> None:
    root = tree(shown(reports.several(gold)))
    (section,) = (
        e for e in root.iter() if "prediction" in (e.get("class") or "").split() and e.tag.endswith("section")
    )
    for bar in [e for e in section.iter() if isinstance(e.tag, str) and e.tag.endswith("svg")]:
        bar.clear()  # its title is for the PDF, and says the number once more
    words = re.sub(" ([,;:.])", r"\1", " ".join(" ".join(section.itertext()).split()))
    assert sentence in words
    assert "a text may have several labels or none" in words
    assert "it is the most probable, left." in words
    assert "Probability of every label, each by itself" in words
    marks = [gold is not None and n in gold for n in range(3)]
    for n, row in enumerate(("left predicted{} 88.1% 50.0% 2.00", "right predicted{} 73.1% 70.0% 1.00",
                             "far{} 26.9% 50.0% −1.00")):  # fmt: skip
        assert row.format(" gold" if marks[n] else "") in words


@BOTH
def test_the_provenance_says_how_the_gold_label_was_read(shown: Any) -> None:
    words = " ".join(" ".join(tree(shown(reports.several())).itertext()).split())
    assert '["left", "far"], read as a name' in words


@BOTH
def test_the_same_report_gives_the_same_bytes(shown: Any) -> None:
    assert shown(reports.report()) == shown(reports.report())


@BOTH
@given(case=reports.tokenised())
def test_the_document_shown_is_the_text(shown: Any, case: tuple[str, Tokens]) -> None:
    """As a browser reads it: labels stand for what has no face, special tokens apart."""
    text, tokens = case
    root = tree(shown(reports.report(text, read=tokens, top_k=1)))
    wanted = "".join(stretch for stretch, _ in render.pieces(text[: tokens.end]))
    for block in text_blocks(root):
        assert set(specials(block)) <= {"<s>", "</s>"}
        joined = "".join(said_without_specials(block))
        if shown is document:
            joined = APART.sub("", "".join(text for text, frame in framed(block) if frame != "s"))
        assert joined == wanted


def said_without_specials(element: Element) -> Iterator[str]:
    """Text below an element, names of special tokens left out."""
    if element.get("class") == "special":
        return
    yield element.text or ""
    for child in element:
        yield from said_without_specials(child)
        yield child.tail or ""


def test_a_page_without_a_field_is_not_made() -> None:
    """An unknown name in a template is an error and not an empty place."""
    report = reports.report()
    broken = replace(report, provenance=replace(report.provenance, versions={"python": "3"}))
    with pytest.raises(jinja2.UndefinedError, match="reportgen"):
        page(broken)


@pytest.mark.parametrize("source", ["x = '</script>'", "x = '</SCRIPT '", "<!-- x"])
def test_a_script_that_would_end_its_element_is_refused(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    read = render._source
    monkeypatch.setattr(render, "_source", lambda name: source if name == "js/heat.js" else read(name))
    with pytest.raises(ValueError, match="would end its element"):
        page(reports.report())


def test_a_bundle_cannot_end_its_element() -> None:
    """It stands in the page packed; the page makes a script of it again, and the policy knows its hash."""
    bundle = "x = '</script><img src=x>'"
    shown = render.page(reports.report(), reports.parts(reports.report()), bundle=bundle)
    packed = blocks_of(tree(shown))["bundle"]
    assert zlib.decompress(base64.b64decode(packed["data"])).decode() == bundle
    assert sha256(bundle) in policy(tree(shown))["script-src"]


def test_sections_add_up_to_the_page() -> None:
    html = reports.example_page()
    sizes = render.sections(html)
    assert sum(sizes.values()) == len(html.encode())
    assert list(sizes.values()) == sorted(sizes.values(), reverse=True)
    assert {"bundle", "links", "received", "reader", "counts", "maps", "document", "charts", "scripts", "styles",
            "drawings", "text", "markup and tables"} <= set(sizes)  # fmt: skip
    assert sizes["scripts"] == sum(len(s.encode()) for s in re.findall(r"<script>.*?</script>", html, re.DOTALL))


def test_the_language_of_the_text_is_named() -> None:
    report = replace(reports.report("Der Text und die Köpfe."), language="de")
    assert [e.get("lang") for e in tree(page(report)).iter() if e.get("id") == "text"] == ["de"]
    assert "There are no stop words" not in page(report)
    assert "There are no stop words for the language la" in page(replace(report, language="la"))


# --- what comes from outside --------------------------------------------------------------------------------------


def shape(root: Element) -> Counter[tuple[str, str]]:
    """Elements and the names of their attributes.

    Labels of invisible characters do not count, nor do the words on the first screen, nor rows of tables: a payload may
    be none, and lists name no punctuation.
    """
    count: Counter[tuple[str, str]] = Counter()
    for element in root.iter():
        row = isinstance(element.tag, str) and element.tag.rpartition("}")[2] in ("tr", "td")
        if (
            isinstance(element.tag, str)
            and not row
            and (element.get("class") or "").split()[:1] not in (["code"], ["word"])
        ):
            count[element.tag, " ".join(sorted(element.attrib))] += 1
    return count


@cache
def harmless(shown: Any) -> Counter[tuple[str, str]]:
    """The shape of a page of words that nobody has to fear."""
    return shape(tree(shown(reports.infected("harmless words"), "harmless words")))


@BOTH
@pytest.mark.parametrize("payload", reports.PAYLOADS)
def test_what_comes_from_outside_is_shown_as_text(shown: Any, payload: str) -> None:
    """In every field: the elements are those of a harmless run, and the words are there."""
    root = tree(shown(reports.infected(payload), payload))
    assert shape(root) == harmless(shown)
    assert not [name for element in root.iter() for name in element.attrib if str(name).startswith("on")]
    wanted = "".join(stretch for stretch, _ in render.pieces(payload))
    assert said(elements(root, "title")[0]) == f"{wanted} · attention report"
    assert said(elements(root, "h1")[0]) == wanted
    assert all(f"Before {wanted} after" in APART.sub("", said(block)) for block in text_blocks(root))
    for name in ("Prediction", "Provenance") if shown is page else ():
        assert wanted in said(region(root, name))
    notes = [e for e in root.iter() if e.get("class") == "warnings"]
    assert wanted in said(notes[0])
    assert sum(said(cell) == wanted for cell in elements(root, "td")) >= (shown is page)


def test_the_corpus_is_large_and_reaches_every_field() -> None:
    assert len(set(reports.PAYLOADS)) >= 20
    shown = page(reports.infected("NEEDLE"), "NEEDLE")
    assert shown.count("NEEDLE") > 30


def blocks_of(root: Element) -> dict[str, Any]:
    """The blocks of a page by name."""
    found = [e for e in elements(root, "script") if e.get("type") == "application/json"]
    return {(e.get("id") or "").removeprefix("data-"): json.loads(e.text or "") for e in found}


def scripts_of_data(root: Element) -> list[Any]:
    """Values of the JSON blocks of a page."""
    return [json.loads(e.text or "") for e in elements(root, "script") if e.get("type") == "application/json"]


@pytest.mark.parametrize(
    "payload", [*reports.PAYLOADS, "\0\x1f\x7f", "\u2028\u2029", "]]>", "\\", "&amp;", "<", "é漢👩‍👧"]
)
def test_data_in_a_page_parses_back_equal(payload: str) -> None:
    value = {"token": payload, payload: [payload, 1.5, None, True]}
    root = tree(f"<!doctype html><script type=application/json>{render.json_block(value)}</script><p>after</p>")
    assert scripts_of_data(root) == [value]
    assert [said(p) for p in elements(root, "p")] == ["after"]


@pytest.mark.parametrize("payload", reports.PAYLOADS)
def test_every_block_of_a_page_parses_back_equal(payload: str) -> None:
    """Payloads in the words of the text, in names, in the specification of a chart."""
    report = reports.infected(payload)
    chart = replace(reports.stub_chart(payload), spec={"mark": "bar", "title": payload, "usermeta": {payload: payload}})
    parts = reports.parts(report, (chart,))
    inside = blocks_of(tree(render.page(report, parts, bundle=reports.STUB_BUNDLE)))
    assert inside == json.loads(json.dumps({"theme": THEME} | parts.blocks | {"bundle": inside["bundle"]}))
    assert inside["document"]["name"] == payload


def test_altairs_own_page_would_fail_that_test() -> None:
    """The negative control: data raw in a script, which ends where the data says."""
    payload = "</script><img src=x onerror=window.ran=1>"
    chart = alt.Chart(alt.Data(values=[{"token": payload}])).mark_bar().encode(x="token:N")
    assert elements(tree(chart.to_html()), "img")
    ours = elements(tree(page(reports.report(), payload)), "img")
    assert [e.get("src", "")[:22] for e in ours] == ["data:image/png;base64,"]  # the maps


def test_json_that_no_browser_reads_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        render.json_block({"score": float("nan")})


# --- the policy, and that nothing is asked for --------------------------------------------------------------------


def policy(root: Element) -> dict[str, list[str]]:
    """Directives of the page's content security policy."""
    metas = [e for e in elements(root, "meta") if e.get("http-equiv") == "Content-Security-Policy"]
    assert len(metas) == 1
    return {part.split()[0]: part.split()[1:] for part in (metas[0].get("content") or "").split(";")}


def sha256(source: str) -> str:
    """As a policy writes it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


@pytest.mark.parametrize("html", [lambda: page(reports.report()), reports.example_page], ids=["stub", "real bundle"])
def test_the_policy_allows_exactly_what_the_page_holds(html: Any) -> None:
    root = tree(html())
    rules = policy(root)
    run = [e.text or "" for e in elements(root, "script") if e.get("type") is None]
    bundle = zlib.decompress(base64.b64decode(blocks_of(root)["bundle"]["data"])).decode()
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == [sha256(source) for source in (*run, bundle)]
    assert rules["img-src"] == ["data:"]
    assert rules["style-src"] == [sha256(e.text or "") for e in elements(root, "style")]
    assert rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert not any(
        "unsafe" in value or "*" in value or "http" in value for values in rules.values() for value in values
    )
    head = [e.get("http-equiv") or e.tag for e in elements(root, "head")[0]]
    assert head.index("Content-Security-Policy") < head.index(HTML + "style"), "a policy holds for what follows it"


ADDRESS = re.compile(r"\s*(https?:|file:|ftp:|//|data:|javascript:)", re.IGNORECASE)


def asked_for(root: Element) -> list[str]:
    """Everything that a browser would fetch or follow."""
    found = []
    for element in root.iter():
        for name, value in element.attrib.items():
            if str(name).split("}")[-1] in ("src", "href", "srcset", "action", "data", "poster", "background"):
                found.append(value)
            found += re.findall(r"url\(\s*['\"]?([^)'\"]*)", value)
    for style in elements(root, "style"):
        found += re.findall(r"url\(\s*['\"]?([^)'\"]*)|@import\s+['\"]?([^'\";]*)", style.text or "")
    return [value if isinstance(value, str) else "".join(value) for value in found]


@pytest.mark.parametrize(
    "html",
    [reports.example_page, lambda: render.document(reports.example(), reports.example_parts())],
    ids=["page", "document"],
)
def test_nothing_is_asked_for_from_anywhere(html: Any) -> None:
    root = tree(html())
    inside = ("#", "data:image/png;base64,", "data:image/svg+xml;base64,")
    assert all(value.startswith(inside) for value in asked_for(root))
    assert len(elements(root, "img")) == 1  # the maps
    assert [e.get("rel") for e in elements(root, "link")] in ([], ["icon"])
    assert not [e.tag for name in ("iframe", "object", "embed", "base") for e in elements(root, name)]


def test_an_address_would_be_noticed() -> None:
    root = tree("<style>a{background:url(//x)} @import 'http://y'</style><img src=file:///z>")
    assert [value for value in asked_for(root) if ADDRESS.match(value)] == ["file:///z", "//x", "http://y"]


# --- templates, as they are written -------------------------------------------------------------------------------


def faults(source: str) -> list[str]:
    """What must not stand in a template."""
    found = [rule for rule, pattern in RULES.items() if re.search(pattern, source, re.IGNORECASE | re.DOTALL)]
    if re.search(r"<[a-z][^<>]*\s[\w:-]+=(?!\")", re.sub(r'"[^"]*"', '""', source), re.IGNORECASE):
        found.append("unquoted attribute")
    parsed = jinja2.Environment(extensions=["jinja2.ext.do"]).parse(source)
    found += [f"|{node.name}" for node in parsed.find_all(jinja2.nodes.Filter) if node.name in ("safe", "xmlattr")]
    if list(parsed.find_all(jinja2.nodes.ScopedEvalContextModifier)):
        found.append("autoescape")
    calls = [node.node.name for node in parsed.find_all(jinja2.nodes.Call) if isinstance(node.node, jinja2.nodes.Name)]
    return found + [name for name in calls if name == "Markup"]


# What an address may begin with: names of files that the builder of the site gives, and its own base URL.
OURS = (
    r"(assets|site|place|(corpus|one)\.place|(side|mistake)\.link|links|config\.base_url|names|face\.page|link|base"
    r"|home)\b"
)
RULES = {
    "unquoted value": r"=\s*\{\{",
    "handler": r"<[^<>]*\son\w+\s*=",
    "inline style": r"<[^<>]*\sstyle\s*=",
    "javascript:": r"javascript:",
    "address": rf"(src|href)\s*=\s*[\"']?\s*(https?:|file:|//|\{{(?!\{{ ({OURS})))",
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_templates_are_safe_as_written(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


def test_there_are_templates_to_look_at() -> None:
    assert {"report.html.j2", "document.html.j2", "macros.html.j2"} <= {path.name for path in SOURCES}


@pytest.mark.parametrize(
    "source",
    [
        "{{ value|safe }}",
        "{{ value | upper | safe }}",
        "{% filter safe %}{{ value }}{% endfilter %}",
        "{% autoescape false %}{{ value }}{% endautoescape %}",
        "<p class={{ value }}>",
        "<p class=plain>",
        '<p id="x" class=plain>',
        '<p onclick="go()">',
        '<p\n style="color: red">',
        '<a href="{{ value }}">',
        '<a href="javascript:go()">',
        '<img src="https://example.invalid/x.png">',
        "{{ Markup(value) }}",
    ],
)
def test_an_unsafe_template_would_be_noticed(source: str) -> None:
    assert faults(source)


def test_every_template_is_escaped_and_strict() -> None:
    environment = render.environment()
    assert environment.autoescape is True
    assert environment.undefined is jinja2.StrictUndefined


# --- drawings -----------------------------------------------------------------------------------------------------

DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'


@pytest.mark.parametrize(
    "inside",
    [
        "<script>x</script>",
        '<g onload="x"/>',
        '<a href="javascript:x"/>',
        '<g href="#x"/>',
        '<path xlink:href="#x"/>',
        '<path style="fill:url(http://x)"/>',
        "<style>*{}</style>",
        "<foreignObject/>",
        "<image/>",
        "<use/>",
        "<animate/>",
        '<html xmlns="http://www.w3.org/1999/xhtml"/>',
    ],
)
def test_a_drawing_that_is_more_than_that_is_refused(inside: str) -> None:
    with pytest.raises(ValueError, match="unexpected"):
        svg_markup(DRAWING.format(inside), themed=False)


@pytest.mark.parametrize(
    "value", ["url(http://x.invalid/a)", "url(//x.invalid/a)", "url(file:///a)", "url( 'data:,x')"]
)
def test_a_drawing_that_points_elsewhere_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="unexpected"):
        svg_markup(DRAWING.format(f'<path fill="{value}"/>'), themed=False)


def test_a_drawing_takes_the_colours_of_the_page_and_keeps_its_own_on_paper() -> None:
    assert 'fill="var(--rule)"' in svg_markup(reports.STUB_SVG, themed=True)
    assert "var(" not in svg_markup(reports.STUB_SVG, themed=False)
    assert 'aria-hidden="true"' in svg_markup(reports.STUB_SVG, themed=False)


# --- what a reader finds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Token heatmap", "Prediction", "Self-checks", "Provenance"])
def test_regions_are_found_by_their_names(name: str) -> None:
    assert said(region(tree(page(reports.report())), name)).strip()


def test_every_token_has_its_position() -> None:
    report = reports.report()
    found = [e for e in region(tree(page(report)), "Token heatmap").iter() if e.get("data-position") is not None]
    assert [int(e.get("data-position") or -1) for e in found] == list(range(len(report.tokens)))
    words = [
        w if s else report.example.text[a:b]
        for w, s, a, b in zip(
            report.words(), report.tokens.special, report.tokens.starts, report.tokens.ends, strict=True
        )
    ]
    assert [said(e) for e in found] == words


def test_every_token_carries_the_class_of_every_view() -> None:
    report = reports.report()
    parts = reports.parts(report)
    found = [e for e in region(tree(page(report)), "Token heatmap").iter() if e.get("data-position") is not None]
    for n, element in enumerate(found):
        heats = [view.classes[n] for view in parts.views]
        wanted = "special" if heats[0] < 0 else "r{} a{} l{}".format(*heats)
        assert element.get("class") == wanted


def test_the_legend_carries_the_limits_of_its_classes() -> None:
    report = reports.report()
    bounds = reports.parts(report).views[0].bounds
    legend = next(e for e in tree(page(report)).iter() if e.get("class") == "legend")
    numbers = [said(e) for e in elements(legend, "span") if said(e)]
    assert numbers == [f"{bounds[n]:.3g}" for n in (0, 4, 8, 12, 16)]
    assert len([e for e in elements(legend, "span") if "step" in (e.get("class") or "")]) == 16


@pytest.mark.parametrize("html", [reports.example_page], ids=["page"])
def test_every_chart_is_a_figure_with_a_caption_and_a_table(html: Any) -> None:
    *figures, maps = elements(tree(html()), "figure")
    charts = reports.example_parts().charts
    assert maps.get("id") == "figure-attention-maps"
    assert len(elements(maps, "tr")) == 1 + 3 * 4
    assert [f.get("data-chart") for f in figures] == [chart.key for chart in charts]
    for figure, chart in zip(figures, charts, strict=True):
        assert said(elements(figure, "figcaption")[0]) == chart.caption
        rows = elements(elements(figure, "tbody")[0], "tr")
        assert tuple(tuple(said(cell) for cell in elements(row, "td")) for row in rows) == chart.data.rows
        assert figure.find(".//{http://www.w3.org/2000/svg}svg") is not None


@BOTH
def test_warnings_stand_where_the_reader_begins(shown: Any) -> None:
    warnings = (ReportWarning("truncated", "4 of 9 tokens are shown"), ReportWarning("zeros", "Two & three"))
    html = shown(reports.report(warnings=warnings))
    assert [said(li) for li in elements(next(e for e in tree(html).iter() if e.get("class") == "warnings"), "li")] == [
        "4 of 9 tokens are shown",
        "Two & three",
    ]
    assert html.index("4 of 9 tokens") < html.index('class="text"'), "before the colours"
    assert 'class="warnings"' not in shown(reports.report())


@BOTH
def test_a_cut_text_says_where_it_was_cut(shown: Any) -> None:
    read = replace(reports.tokens(reports.TEXT), total=5000)
    cut = next(e for e in tree(shown(reports.report(read=read))).iter() if e.get("class") == "cut")
    assert f"{len(read)} of 5,000 tokens" in said(cut)
    assert f"character {read.end:,}" in said(cut)


@BOTH
@pytest.mark.parametrize(
    ("character", "shown_as"),
    [
        ("\0", "␀"),
        ("\x1b", "␛"),
        ("\x85", "U+0085"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u200b", "U+200B"),
        ("\ufeff", "U+FEFF"),
        ("\u2028", "U+2028"),
        ("\ufffd", "\ufffd"),
    ],
)
def test_a_character_that_cannot_be_seen_is_labelled(shown: Any, character: str, shown_as: str) -> None:
    text = f"safe {character}evil word"
    html = shown(reports.report(text, read=reports.tokens(text, spans=[(0, 4), (5, 10), (11, 15)])))
    assert character in (shown_as, "\u2066") or character not in html
    assert all(f"safe {shown_as}evil word" in APART.sub("", said(block)) for block in text_blocks(tree(html)))
    for block in text_blocks(tree(html)) if shown is document and character != shown_as else ():
        assert [text for text, frame in framed(block) if frame == "l"] == [f"\u2066\u202f{shown_as}\u202f\u2069"]


@BOTH
@pytest.mark.parametrize("name", ["<s>", "[SEP]", "</s>", "Ġ", "##x", "\n", "\t", "`", "<mask>"])
def test_special_tokens_are_shown_apart_by_name(shown: Any, name: str) -> None:
    read = reports.tokens("one two")
    root = tree(shown(reports.report("one two", read=replace(read, strings=(name, *read.strings[1:])))))
    shown_as = {"\n": "\u240a", "\t": "\u2409"}.get(name, name) if shown is document else name
    assert all(specials(block)[0] == shown_as for block in text_blocks(root))


@BOTH
def test_a_text_that_looks_like_markup_of_ours_is_text(shown: Any) -> None:
    text = "the <s> token, [SEP], Ġ and ##x stand in `code`"
    assert all(text in said(block) for block in text_blocks(tree(shown(reports.report(text)))))


@BOTH
@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_without_content_a_note_stands_in_for_the_charts(shown: Any, text: str) -> None:
    report = reports.report(text, top_k=1)
    parts = reports.parts(report)
    html = render.page(report, parts, bundle="") if shown is page else render.document(report, parts)
    assert "no content tokens" in html
    assert not elements(tree(html), "figure")


@BOTH
@pytest.mark.parametrize(
    ("gold", "gold_text", "words"),
    [
        (0, "left", "which is right"),
        (1, "right", "which is wrong: the gold label is right"),
        (None, "middle", "the gold label is unknown to the model: middle"),
        (None, None, "no gold label was given"),
    ],
)
def test_the_verdict_is_said_in_words(shown: Any, gold: int | None, gold_text: str | None, words: str) -> None:
    said_by_model = Prediction(("left", "right"), (0.8, -0.6), (0.802, 0.198), 0, gold, gold_text)
    root = tree(shown(reports.report(prediction=said_by_model)))
    verdict = next(e for e in root.iter() if (e.get("class") or "").startswith("verdict"))
    assert words in " ".join(said(verdict).split())
    assert "80.2%" in said(region(root, "Prediction"))


def test_uniform_attention_is_said_beside_the_legend() -> None:
    report = reports.report()
    equal = np.full((2, 2, len(report.tokens), len(report.tokens)), 1 / len(report.tokens), np.float32)

    def beside_the_legend(html: str) -> str:
        return "".join(said(e) for e in tree(html).iter() if e.get("class") == "scale")

    assert "colours carry no information" in beside_the_legend(
        page(replace(report, attention=reports.attention(equal)))
    )
    assert "colours carry no information" not in beside_the_legend(page(report))


@BOTH
def test_failed_checks_are_called_failed(shown: Any) -> None:
    items = elements(region(tree(shown(reports.report())), "Self-checks"), "li")
    assert [said(item).split()[0] for item in items] == ["Pass", "Fail"]


@BOTH
def test_provenance_has_what_it_takes_to_run_it_again(shown: Any) -> None:
    given = reports.report().provenance
    text = said(region(tree(shown(reports.report())), "Provenance"))
    for value in (
        given.command,
        given.model,
        given.revision,
        given.weights_sha256,
        given.text_sha256,
        given.created,
        given.device,
        given.dtype,
        "reportgen 0.1.0",
        "taylor",
        "importance.safetensors",
        "examples: 20",
    ):
        assert value in text


def test_a_line_breaks_no_name_of_an_option() -> None:
    """Behind a hyphen it may, and two hyphens at the end of a line are no option."""
    text = "Shown. --long window reads all; --max-length, too -- but not a--b."
    found = render.options(text)
    assert "".join(part for part, _ in found) == text
    assert [part for part, whole in found if whole] == ["--long", "--max-length"]


if __name__ == "__main__":
    for name, html in golden().items():
        (GOLDEN / name).write_text(html, encoding="utf-8", newline="")
