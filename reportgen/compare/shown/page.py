"""Turn a comparison into HTML: the page for the browser, and the document that becomes its PDF."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from markupsafe import Markup

from reportgen.compare.parts import A, B, Comparison, Group
from reportgen.core import characters, palette
from reportgen.core.config import Paper
from reportgen.report import heatmap
from reportgen.report.heatmap import CLASSES
from reportgen.report.page import render
from reportgen.report.page.styles import dark, policy, variables
from reportgen.report.page.svg import strip_markup, svg_markup
from reportgen.report.parts import Run

PAGE, PRINT = "compare.html.j2", "compare_print.html.j2"
SCRIPTS = ("dom", "save", "tables", "compare")
LINES = (  # px, and the classes that have it: of heat, against and for; as in forced.css
    (1, (4, 5, 6), (23,), (25,)), (2, (7, 8, 9), (20, 21, 22), (26, 27)), (3, (10, 11, 12), (18, 19), (28, 29)),
    (5, (13, 14, 15), (16, 17), (30, 31)),
)  # fmt: skip
SIDES = "xyz"  # letters of A, B and the difference in the classes of a stretch


def page(made: Comparison, *, name: str, command: str, created: str, versions: dict[str, str]) -> str:
    """The self-contained page."""
    groups = [group for section in made.sections for group in section.groups]
    style = (
        f"{variables(palette.LIGHT)}{render.sheets(('heat', 'signed'))}{colours(groups)}"
        f"@media screen{{\n{dark()}{render.sheets(('page', 'compare', 'wide', 'forced'))}}}\n"
        f"@media print{{\n{render.sheets(('document', 'compare-print', 'print'))}}}\n"
    )
    scripts = (render.script(("first",)), *(render.script((each,)) for each in SCRIPTS))
    return (
        render.environment()
        .get_template(PAGE, globals={"stretches": list(stretches(groups))})
        .render(
            made=made,
            name=name,
            command=command,
            created=created,
            versions=versions,
            version=versions["reportgen"],
            style=Markup(style),
            policy=policy(style, scripts),
            scripts=list(map(Markup, scripts)),
            drawings={chart.key: svg_markup(chart.svg, themed=True) for chart in made.charts},
        )
    )


def document(
    made: Comparison, *, command: str, created: str, versions: dict[str, str], paper: Paper = "a4", painted: bool = True
) -> str:
    """The printable document; *painted* as for a report."""
    groups = [group for section in made.sections for group in section.groups]
    style = variables(palette.PAPER) + render.sheets(("document", "heat", "signed", "compare-print"))
    return (
        render.environment()
        .get_template(PRINT)
        .render(
            made=made,
            command=command,
            created=created,
            versions=versions,
            version=versions["reportgen"],
            painted=painted,
            style=Markup(f"@page{{size:{paper}}}\n{style}"),
            strips=[
                [
                    strip_markup(heatmap.strip(runs, tokens=max(1, _cells(runs))), title=f"{view.title}, as a strip")
                    for view, runs in zip(group.views, group.spans, strict=True)
                ]
                for group in groups
            ],
            drawings={
                chart.key: svg_markup(
                    chart.svg, themed=False, title=characters.visible(f"{chart.title}. {chart.caption}")
                )
                for chart in made.charts
            },
        )
    )


def colours(groups: list[Group]) -> str:
    """Which classes colour the text, by the buttons that are chosen; and which explanation is shown."""
    rules = []
    for group, (side, letter) in product(groups, enumerate(SIDES)):
        chosen = f"#side-{letter}:checked ~"
        if len(groups) > 1:
            chosen = f"#group-{group.key}:checked ~ {chosen}"
        first = CLASSES if group.views[side].signed else 0
        name = f"{group.key}{letter}"
        for heat in range(first, first + CLASSES):
            own = f"var(--s{heat - CLASSES})" if first else f"var(--h{heat})"
            ink = "var(--ink)" if first else "var(--letters)"
            rules.append(f"{chosen} .text .{name}{heat}{{background-color:{own};color:{ink}}}")
        if first:
            below = ",".join(f".{name}{heat}" for heat in range(CLASSES, CLASSES + 6))
            rules.append(
                f"{chosen} .text :is({below}){{background-image:linear-gradient(var(--below),var(--below));"
                "background-position:0 100%;background-size:100% .13em;background-repeat:no-repeat}"
            )
        rules.append(f".about-{name}{{display:none}}{chosen} .about-{name}{{display:block}}")
        rules.append(
            f"@media (forced-colors:active){{{''.join(_lines(f'{chosen} .text .{name}', signed=bool(first)))}}}"
        )
    return "\n".join(rules) + "\n"


def _lines(selector: str, *, signed: bool) -> Iterator[str]:
    """What the colours say, as lines below the words: where a reader's own colours are forced."""
    for width, unsigned, against, for_ in LINES:
        heats = (*against, *for_) if signed else unsigned
        yield f":is({','.join(f'{selector}{heat}' for heat in heats)}){{border-bottom:{width}px solid}}"
        if signed:
            yield f":is({','.join(f'{selector}{heat}' for heat in against)}){{border-bottom-style:dashed}}"


def stretches(groups: list[Group]) -> Iterator[tuple[Run, str, str]]:
    """Every stretch of the text with its classes in all views, and its numbers in the first group."""
    if not groups:
        return
    runs = [[group.spans[side] for side in range(len(SIDES))] for group in groups]
    first = groups[0]
    cell = -1
    for at, run in enumerate(runs[0][0]):
        if run.kind == "gap":
            yield run, "", ""
            continue
        cell += 1
        names = [
            f"{group.key}{letter}{runs[n][side][at].heat}"
            for n, group in enumerate(groups)
            for side, letter in enumerate(SIDES)
            if runs[n][side][at].heat >= 0
        ]
        values = [view.values[cell] for view in first.views]
        said = f"{A} {values[0]:.2f}, {B} {values[1]:.2f}" if names else ""
        yield run, " ".join(names) or run.kind, said


def _cells(runs: tuple[Run, ...]) -> int:
    return sum(run.first >= 0 for run in runs)
