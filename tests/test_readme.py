"""README and manual say what is true now: commands, exit codes, options, and every file that they name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from reportgen import cli
from reportgen.core import errors
from scripts import options

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MANUAL = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *MANUAL]
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
NAMED = re.compile(r"`([\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|toml|yml|sh|j2|css|js|txt|png|json)))`")
PLACES = ("", "reportgen", "tests", "docs")  # where a path in `code` may begin
MADE = re.compile(  # files that reportgen, make or a reader writes, and those in the folder of a model
    r"(reports|figures|latex|tables|folder|pos)/.*|site/_(build|docs|reports)|(build|gallery|reports)/|.*\bmy[.-].*"
    r"|(faithfulness|index|manifest|report|scores|top_tokens|test|train)\.\w+"
    r"|((adapter_|tokenizer_)?config|tokenizer|special_tokens_map)\.json"
)


def named(page: Path) -> set[str]:
    """The files and folders of the project that a page names in `code`."""
    return {name for name in NAMED.findall(page.read_text(encoding="utf-8")) if not MADE.fullmatch(name)}


def examples() -> list[str]:
    """The commands in the code blocks of all pages, each on one line."""
    pages = [page.read_text(encoding="utf-8") for page in PAGES if page != options.PAGE]
    blocks = [block for page in pages for block in re.findall(r"^```\n(.*?)^```", page, re.DOTALL | re.MULTILINE)]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if re.match(r"reportgen (?!COMMAND)", line)]


def test_the_list_of_templates_names_each_file_and_no_other() -> None:
    templates = ROOT / "templates"
    listed = re.findall(r"`([\w/.-]+\.(?:j2|css|js))`", (templates / "README.md").read_text(encoding="utf-8"))
    there = [str(path.relative_to(templates)) for path in templates.rglob("*") if path.suffix in (".j2", ".css", ".js")]
    assert sorted(listed) == sorted(there)


def test_the_readme_fits_on_one_screen() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_readme_leads_to_every_page_a_reader_looks_for() -> None:
    reached = set(LINK.findall(README.read_text(encoding="utf-8")))
    included = {"docs/index.md", "docs/benchmarks.md", "docs/demo.md"}  # the texts of these two are elsewhere
    assert {f"docs/{page.name}" for page in MANUAL} - reached <= included


def test_the_options_page_is_the_help_of_every_command() -> None:
    current = options.PAGE.read_text(encoding="utf-8") == options.page()
    assert current, "docs/options.md is not current: run python scripts/options.py"


def test_every_command_is_explained_in_the_manual() -> None:
    """In words, not only by its help."""
    text = "".join(page.read_text(encoding="utf-8") for page in MANUAL if page != options.PAGE)
    assert [name for name, _ in options.commands() if f"reportgen {name}" not in text] == []


@pytest.mark.parametrize("line", examples())
def test_the_command_line_of_an_example_is_valid(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cli.main
    while isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
    command.make_context(line, words)


def test_the_exit_codes_of_all_errors_are_listed() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    codes = {kind.exit_code for kind in errors.ReportgenError.__subclasses__()} | {0, 70}
    listed = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE) for code in row.split(",")}
    assert listed == codes | {cli.INTERRUPTED, cli.TERMINATED}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    assert [name for name in sorted(named(page)) if not any((ROOT / place / name).exists() for place in PLACES)] == []


def test_every_make_target_is_in_the_manual() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    assert targets == set(re.findall(r"^\| `make ([a-z-]+)` \|", text, re.MULTILINE))


def test_the_published_manual_leads_to_the_gallery() -> None:
    """The workflow puts the gallery where the manual's link says."""
    workflow = (ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
    (folder,) = re.findall(r"cp -R site/_build site/_docs/(\w+)", workflow)
    link = (ROOT / "docs" / "_templates" / "gallery.html").read_text(encoding="utf-8")
    assert f"pathto('{folder}/index.html', 1)" in link
    assert "make docs" in workflow
    assert f"--base-url $ADDRESS/{folder}/" in workflow


def test_the_controls_that_the_manual_names_are_on_the_page() -> None:
    text = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    section = text[text.index("## Exploring the page") : text.index("## How exact")]
    names = re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", section)
    sources = [*(ROOT / "templates").rglob("*.j2"), *(ROOT / "templates" / "js").glob("*.js")]
    page = "".join(source.read_text(encoding="utf-8") for source in sources)
    assert len(names) > 8
    assert [name for name in names if name not in page] == []
