"""gallery: report folders -> a static site; only what changed is made again, and no link ever leads nowhere."""

from __future__ import annotations

import errno
import json
import os
import posixpath
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from reportgen.cli import sites
from reportgen.core import versions
from reportgen.core.clock import Clock
from reportgen.core.errors import BrokenLinkError, DeviceError, OutputError
from reportgen.core.nouns.records import Prediction, Report
from reportgen.core.processes.workers import Pool
from reportgen.report import present
from reportgen.report.page import render
from reportgen.report.stored import store
from reportgen.site import build as site_build
from reportgen.site import cards, dead_links
from reportgen.site import folder as site_folder
from reportgen.site.build import Built
from reportgen.site.pages import report_page
from reportgen.site.settings import SiteConfig
from tests import reports
from tests.cli.test_cli import call, fails
from tests.site import whole

CONFIG = SiteConfig(order="name")
ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
DRAW_FIGURES = present.draw_figures
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from reportgen.cli import main; main()"


def said(probability: float, gold: int | None) -> Prediction:
    """A model that says "left" so surely."""
    rest = 1 - probability
    return Prediction(("left", "right"), (0.0, 0.0), (probability, rest), 0, gold, None if gold is None else "left")


def put(folder: Path, title: str = "", **changes: Any) -> Path:
    """A report in its folder, without what no site needs."""
    report = reports.report(**changes)
    report = replace(report, example=replace(report.example, name=folder.name, title=title or f"Report {folder.name}"))
    return put_report(folder, report)


def put_report(folder: Path, report: Report) -> Path:
    """The same of a report that already exists."""
    files = {**store.dump(report), "report.pdf": b"%PDF-1.7\n", "report.html": b"<!doctype html><title>x</title>"}
    store.write(folder, files, facts=store.facts(report, ()), overwrite=True)
    return folder


@pytest.fixture(scope="module", autouse=True)
def no_charts() -> Iterator[None]:
    """Charts take most of the time of a page, and are looked at in `test_report_page.py` and in the browser."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(present, "draw_figures", lambda *_, **__: present.Figures((), (), (), None, None))
        yield


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three reports, and a site of them."""
    made = tmp_path_factory.mktemp("gallery")
    for name, seed in (("a", 0), ("b", 1), ("c", 2)):
        put(made / "reports" / name, seed=seed)
    site_build.build([made / "reports"], CONFIG, made / "site", Clock())
    return made


@pytest.fixture
def home(originals: Path, tmp_path: Path) -> Path:
    """The same, the test's own to change."""
    return Path(shutil.copytree(originals, tmp_path / "home"))


def build(home: Path, config: SiteConfig = CONFIG, **settings: Any) -> Built:
    """Build the site of the reports, and see to its links."""
    built = site_build.build([home / "reports"], config, home / "site", Clock(), **settings)
    assert whole.check(home / "site", base_url=config.base_url) == []
    return built


def contents(site: Path) -> dict[str, bytes]:
    """All that is published, by path."""
    paths = (path for path in site.rglob("*") if path.is_file())
    found = {path.relative_to(site).as_posix(): path.read_bytes() for path in sorted(paths)}
    return {path: content for path, content in found.items() if not path.startswith(".")}


def stamps(site: Path) -> dict[str, tuple[int, int]]:
    """What changes when a file is written again."""
    return {path: ((site / path).stat().st_ino, (site / path).stat().st_mtime_ns) for path in contents(site)}


def reached(site: Path) -> set[str]:
    """All that a reader comes to from the first page, by links that lead somewhere; fails at one that does not."""
    found, waiting = {"index.html"}, ["index.html"]
    while waiting:
        path = waiting.pop()
        for link, _ in dead_links.read((site / path).read_text()).links if path.endswith(".html") else ():
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link.split("#")[0]))
            if link[0] != "#" and "://" not in link and target not in found:
                assert (site / target).is_file(), f"{path} -> {link}"
                found.add(target)
                waiting.append(target)
    return found


def test_a_site_has_all_that_it_should(originals: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, base_url="https://example.org/us/", downloads=True, notes={"b": "A note on b."})
    built = site_build.build([originals / "reports"], config, tmp_path / "site", Clock())
    assert (built.reports, built.rendered, built.removed, built.notes) == (3, 3, 0, ())
    assert whole.check(tmp_path / "site", base_url=config.base_url) == []
    files = contents(tmp_path / "site")
    of_reports = {f"reports/{n}/{f}" for n in "abc" for f in ("index.html", "report.pdf", "report.html", "card.png")}
    rest = {path for path in files if path.split("/")[0] not in ("assets", "catalogue")}
    assert rest == of_reports | {"index.html", "how-to-read.html", "404.html", "index.json", "sitemap.xml", "atom.xml"}
    assert reached(tmp_path / "site") >= {f"reports/{n}/index.html" for n in "abc"}
    page = files["reports/b/index.html"].decode()
    assert "A note on b." in page
    assert 'href="../a/index.html"' in page
    assert 'href="../c/index.html"' in page


def test_without_an_address_there_is_nothing_that_needs_one(originals: Path) -> None:
    files = contents(originals / "site")
    assert not {"sitemap.xml", "atom.xml", "reports/a/report.html"} & set(files)
    assert whole.check(originals / "site") == []


def test_what_programs_read_is_valid(originals: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, base_url="https://example.org/us/", title="A & B \x0b")
    site_build.build([originals / "reports"], config, tmp_path / "site", Clock())
    feed = ElementTree.parse(tmp_path / "site" / "atom.xml").getroot()
    assert feed.findtext(f"{ATOM}title") == "A & B ␋"
    assert feed.findtext(f"{ATOM}updated") == "2024-05-01T12:00:00Z"
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [
        f"https://example.org/us/reports/{name}/index.html" for name in "abc"
    ]
    assert entries[0].findtext(f"{ATOM}updated") == "2024-05-01T12:00:00Z"
    assert "Right: left (80.2%). Most attention in what the classifier reads: " in (
        entries[0].findtext(f"{ATOM}summary") or ""
    )
    places = ElementTree.parse(tmp_path / "site" / "sitemap.xml").getroot().iter(f"{MAP}loc")
    assert {place.text for place in places} == {
        f"https://example.org/us/{page}"
        for page in ("index.html", "how-to-read.html", *(f"reports/{name}/index.html" for name in "abc"))
    }
    index = json.loads((tmp_path / "site" / "index.json").read_text())
    assert [report["name"] for report in index["reports"]] == ["a", "b", "c"]
    assert index["reports"][0]["links"] == {
        "page": "reports/a/index.html",
        "pdf": "reports/a/report.pdf",
        "download": None,
        "picture": "reports/a/card.png",
    }


def test_building_again_writes_nothing(home: Path) -> None:
    before = stamps(home / "site")
    built = build(home)
    assert (built.reports, built.rendered, built.removed) == (3, 0, 0)
    assert stamps(home / "site") == before


def test_only_what_changed_is_made_again(home: Path) -> None:
    """The report, the index, and the pages beside it where its title stands."""
    put(home / "reports" / "d")
    build(home)
    before = stamps(home / "site")
    put(home / "reports" / "a", seed=7)
    assert build(home).rendered == 1
    after = stamps(home / "site")
    for path in (f"reports/{name}/{file}" for name in "bcd" for file in ("index.html", "card.png", "report.pdf")):
        assert after[path] == before[path]
    assert after["reports/a/index.html"] != before["reports/a/index.html"]
    put(home / "reports" / "a", "Another title", seed=7)
    assert build(home).rendered == 2
    assert stamps(home / "site")["reports/c/index.html"] == before["reports/c/index.html"]
    assert build(home, replace(CONFIG, notes={"d": "A note."})).rendered == 1
    assert build(home, replace(CONFIG, blurb="About them.")).rendered == 1


def test_what_no_page_of_a_report_shows_renders_none_of_them(home: Path) -> None:
    before = stamps(home / "site")
    assert build(home, replace(CONFIG, per_page=1, blurb="About them.", notes={"none": "Of no report."})).rendered == 0
    after = stamps(home / "site")
    assert {path for path in before if path.startswith("reports/") and after[path] != before[path]} == set()
    assert after["index.html"] != before["index.html"]


def test_the_title_of_the_site_is_on_every_page(home: Path) -> None:
    before = stamps(home / "site")
    assert build(home, replace(CONFIG, title="Another title")).rendered == 3
    assert stamps(home / "site")["reports/a/report.pdf"] == before["reports/a/report.pdf"]
    assert all("Another title" in (home / "site" / f"reports/{n}/index.html").read_text() for n in "abc")


def test_another_version_renders_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = versions.installed() | {"reportgen": "99.0"}
    monkeypatch.setattr(versions, "installed", lambda: installed)
    assert build(home).rendered == 3
    assert build(home).rendered == 0


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Adds to a template, a style sheet or a script for the rest of the test."""

    def forget() -> None:
        for function in vars(render).values():
            if hasattr(function, "cache_clear"):
                function.cache_clear()

    def edited(name: str, more: str) -> None:
        before = next(folder / name for folder in render.TEMPLATES if (folder / name).is_file()).read_text()
        (tmp_path / "edited" / name).parent.mkdir(parents=True)
        (tmp_path / "edited" / name).write_text(before + more)
        monkeypatch.setattr(render, "TEMPLATES", (tmp_path / "edited", *render.TEMPLATES))
        forget()

    yield edited
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    ("name", "more", "changed"),
    [
        ("partials/heading.html.j2", "<p>Edited.</p>", {"pages"}),
        ("js/walk.js", "// edited\n", {"pages", "assets"}),
        ("css/shared.css", "/* edited */\n", {"pages", "assets"}),
        ("site/index.html.j2", "<!-- edited -->", {"index"}),
        ("css/site.css", "/* edited */\n", {"index", "assets"}),
        ("partials/findings.html.j2", "<p>Edited.</p>", set()),  # of the PDF alone
        ("batch.html.j2", "<p>Edited.</p>", set()),
    ],
)
def test_a_template_renders_again_what_is_made_of_it(
    name: str, more: str, changed: set[str], home: Path, edit: Callable[[str, str], None]
) -> None:
    before = contents(home / "site")
    edit(name, more)
    assert build(home).rendered == (3 if "pages" in changed else 0)
    after = contents(home / "site")
    kinds = {
        "reports": "pages",
        "assets": "assets",
        "index.html": "index",
        "how-to-read.html": "index",
        "404.html": "index",
    }
    found = {kinds[path.split("/")[0]] for path in before | after if before.get(path) != after.get(path)}
    assert found == changed


def test_what_is_gone_is_removed_and_what_is_not_ours_stays(home: Path) -> None:
    (home / "site" / "CNAME").write_text("example.org")
    (home / "site" / "reports" / "b" / "mine.txt").write_text("mine")
    shutil.rmtree(home / "reports" / "b")
    shutil.rmtree(home / "reports" / "c")
    built = build(home)
    assert (built.reports, built.rendered) == (1, 1)
    files = contents(home / "site")
    assert {path for path in files if path.startswith("reports/")} == {
        *(f"reports/a/{file}" for file in ("index.html", "report.pdf", "card.png")),
        "reports/b/mine.txt",
    }
    assert files["CNAME"] == b"example.org"
    assert not (home / "site" / "reports" / "c").exists()


@pytest.mark.parametrize("path", ["index.html", "reports/b/index.html", "reports/b/report.pdf", "assets", "catalogue"])
@pytest.mark.parametrize("how", ["gone", "torn"])
def test_what_somebody_has_removed_is_put_back(home: Path, path: str, how: str) -> None:
    whole = contents(home / "site")
    found = home / "site" / path
    for file in sorted(found.iterdir()) if found.is_dir() else [found]:
        file.unlink() if how == "gone" else file.write_bytes(file.read_bytes()[:-1])
    build(home)
    assert contents(home / "site") == whole
    assert build(home).rendered == 0


def test_a_report_that_was_changed_since_is_left_out(home: Path) -> None:
    """Even where it has as many bytes as before; and no page is made again for it ever after."""
    for name, old, new in (
        (store.REPORT, b'"title": "Report b"', b'"title": "Report X"'),
        ("report.pdf", b"1.7", b"1.8"),
    ):
        shutil.rmtree(home / "reports" / "b")
        put(home / "reports" / "b", seed=1)
        assert build(home).notes == ()
        path = home / "reports" / "b" / name
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new))
        (note,) = build(home).notes
        assert name in str(note)
        assert "reports/b/index.html" not in contents(home / "site")
        assert build(home, replace(CONFIG, per_page=1)).rendered == 0


def test_a_site_is_not_emptied_by_mistake(home: Path) -> None:
    (home / "reports").rename(home / "away")
    (home / "reports").mkdir()
    before = contents(home / "site")
    with pytest.raises(OutputError, match=r"no report found: the site of 3 in .* stays unchanged"):
        build(home)
    assert contents(home / "site") == before


def test_links_in_the_folder_of_the_state_are_not_followed(home: Path) -> None:
    own, foreign = home / "site" / ".reportgen-site", home / "foreign"
    foreign.write_text("mine")
    (own / "owner.json").symlink_to(foreign)
    build(home)
    assert foreign.read_text() == "mine"
    (home / "elsewhere").mkdir()
    (own / "staged").symlink_to(home / "elsewhere")
    with pytest.raises(OutputError, match="staged is a symbolic link"):
        build(home)
    assert list((home / "elsewhere").iterdir()) == []


def test_a_card_of_the_state_that_is_damaged_is_made_again(home: Path) -> None:
    path = home / "site" / ".reportgen-site" / "state.json"
    state = json.loads(path.read_text())
    next(iter(state["cards"].values())).pop("title")
    path.write_text(json.dumps(state))
    assert build(home).rendered == 0


def test_a_report_whose_name_changes_in_case_only_keeps_its_place(home: Path) -> None:
    (home / "reports" / "b").rename(home / "reports" / "B")
    build(home)
    assert {path.split("/")[1] for path in contents(home / "site") if path.startswith("reports/")} == {"a", "B", "c"}


def test_a_missing_pdf_has_no_link(home: Path) -> None:
    (home / "reports" / "b" / "report.pdf").unlink()
    build(home)
    assert "reports/b/report.pdf" not in contents(home / "site")
    assert json.loads((home / "site" / "index.json").read_text())["reports"][1]["links"]["pdf"] is None


def test_reports_that_are_broken_are_left_out_with_a_note(home: Path) -> None:
    (home / "reports" / "a" / store.REPORT).write_text("{}")
    (home / "reports" / "b" / "report.pdf").write_text("another")
    of_later = {"report.json": b'{"format": 99}', "attention.safetensors": store.dump(reports.report())[store.ARRAYS]}
    store.write(home / "reports" / "later", of_later, facts={}, overwrite=False)
    built = build(home)
    assert built.reports == 1
    assert sorted("a" if "/a/" in str(n) else "b" if "/b/" in str(n) else "later" for n in built.notes) == [
        "a", "b", "later",
    ]  # fmt: skip
    assert not {"reports/a/index.html", "reports/b/index.html"} & set(contents(home / "site"))


def build_command(home: Path, *arguments: str) -> Result:
    """The command."""
    return call("site", "build", str(home / "reports"), "-o", str(home / "site"), "--workers", "1", *arguments)


def test_the_command_says_what_it_did(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = build_command(home)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{home / 'site' / 'index.html'}\n"
    assert "3 reports, " in result.stderr
    (home / "reports" / "a" / store.REPORT).write_text("{}")
    result = build_command(home, "--strict")
    assert result.exit_code == 10
    assert "note: left out: " in result.stderr
    assert "2 reports, " in result.stderr
    assert build_command(home, "-q").stderr == ""
    monkeypatch.chdir(home)
    fails(call("site", "build"), 2, "no reports given")
    fails(call("site", "build", "none"), 7, "none: no such folder")
    fails(call("site", "build", "n" * 300), 7, "File name too long")
    fails(call("site", "serve", "n" * 300), 7, "File name too long")
    assert not (home / "site" / "_build").exists()
    fails(call("site", "build", "reports", "-o", "reports"), 7, "reports contains other files than a site")
    fails(call("site", "build", "reports", "--config", "none.toml"), 2, "none.toml: No such file")
    fails(call("site", "build", "reports", "--base-url", "ftp://x"), 2, "base_url: must start with https://")


def test_the_reports_of_site_toml_are_found_beside_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "settings").mkdir()
    (home / "settings" / "site.toml").write_text('reports = ["../reports/[ab]", "none*"]\norder = "name"\n')
    monkeypatch.chdir(home / "settings")
    result = call("site", "build", "--config", "site.toml", "-o", "../site", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "note: none*: no folder matches this pattern" in result.stderr
    assert "2 reports, 1 rendered" in result.stderr  # b has lost a neighbour


def test_a_site_of_no_reports_is_not_built(tmp_path: Path) -> None:
    """Nobody wants to publish one; that a folder was mistyped is what has happened."""
    (tmp_path / "reports").mkdir()
    fails(build_command(tmp_path), 7, "no report found", "reports: contains no report")
    assert not (tmp_path / "site").exists()
    (tmp_path / "reports" / "a").mkdir()
    (tmp_path / "reports" / "a" / "manifest.json").write_text("{}")
    fails(build_command(tmp_path), 7, "no report found", "not a report folder")


def test_a_page_that_cannot_be_rendered_leaves_no_gap(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its neighbours are beside each other then."""
    files = report_page._files

    def broken(job: report_page.PageJob) -> Any:
        if job.found.name == "b":
            raise ValueError("a bug")
        return files(job)

    monkeypatch.setattr(report_page, "_files", broken)
    put(home / "reports" / "b", seed=9)
    built = build(home)
    assert built.reports == 2
    assert [str(note) for note in built.notes] == [f"left out: {home}/reports/b: ValueError: a bug"]
    assert 'href="../c/index.html"' in (home / "site/reports/a/index.html").read_text()


def test_a_broken_link_is_never_put_in_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_build.index_pages, "pages", lambda *_: {"index.html": "<a href='none.html'>x</a>"})
    before = contents(home / "site")
    put(home / "reports" / "d")
    with pytest.raises(BrokenLinkError, match=r"index\.html: none\.html: there is no none\.html"):
        site_build.build([home / "reports"], CONFIG, home / "site", Clock())
    assert contents(home / "site") == before


def test_a_build_that_ends_anywhere_leaves_a_whole_site_and_is_finished_by_the_next(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader who comes from the first page meets no link that leads nowhere, whatever was put in place already."""
    shutil.rmtree(home / "reports" / "c")
    put(home / "reports" / "b", "Another title", seed=5)
    put(home / "reports" / "d")
    with monkeypatch.context() as patched:
        patched.setattr(site_build, "_put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            site_build.build([home / "reports"], CONFIG, home / "site", Clock())
    rendered = Path(shutil.copytree(home / "site", tmp_path / "rendered"))
    wanted = tmp_path / "wanted"
    site_build.build([home / "reports"], CONFIG, wanted, Clock())
    stops = (KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device"))
    for count in range(0, 200, 3):
        shutil.rmtree(home / "site")
        shutil.copytree(rendered, home / "site")
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", counted(os.replace, count, stops[count % 2]))
            try:
                assert site_build.build([home / "reports"], CONFIG, home / "site", Clock()).rendered == 0
                break
            except (KeyboardInterrupt, OutputError):
                reached(home / "site")
        build(home)
        assert contents(home / "site") == contents(wanted)
    assert count > 10
    assert contents(home / "site") == contents(wanted)
    assert not (home / "site" / site_folder.OWN / site_folder.STAGED).exists()


def interrupted(*_: object) -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


def counted(act: Callable[..., None], count: int, stop: BaseException) -> Callable[..., None]:
    """Does *act* so many times, and then stops."""
    left = [count]

    def acted(*arguments: Any) -> None:
        if left[0] == 0:
            raise stop
        left[0] -= 1
        act(*arguments)

    return acted


@pytest.mark.slow
def test_the_bytes_are_the_same_whoever_builds_them_and_without_torch(home: Path, tmp_path: Path) -> None:
    """Other workers, order, current folder, hash seed, time zone, language."""
    config = tmp_path / "site.toml"
    config.write_text('base_url = "https://example.org/us/"\norder = "title"\n')
    names = [str(home / "reports" / name) for name in "cab"]
    put(home / "reports" / "d"), put(home / "reports" / "e")
    names += [str(home / "reports" / name) for name in "ed"]
    sites = []
    for place, (workers, order) in enumerate((("1", names), ("2", names[::-1]))):
        folder = tmp_path / str(place)
        folder.mkdir()
        command = [sys.executable, "-c", WITHOUT_TORCH, "site", "build", *order, "-o", "site", "--workers", workers]
        around = {"PYTHONHASHSEED": str(place), "TZ": ("UTC", "Asia/Tokyo")[place], "LC_ALL": ("C", "C.UTF-8")[place]}
        done = subprocess.run(
            [*command, "--config", str(config)], cwd=folder, env=os.environ | around, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "site/index.html\n"
        sites.append(contents(folder / "site"))
    assert sites[0] == sites[1]


def test_hostile_words_are_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(present, "draw_figures", DRAW_FIGURES)  # in charts, too
    for number, payload in enumerate(reports.PAYLOADS[:3]):
        put_report(tmp_path / "reports" / f"p{number}", reports.infected(payload))
    config = SiteConfig(title="</title><script>", blurb=reports.PAYLOADS[0], base_url="https://example.org/",
                        notes={"p0": reports.PAYLOADS[1]})  # fmt: skip
    built = build(tmp_path, config)
    assert (built.reports, built.notes) == (3, ())
    for name in ("atom.xml", "sitemap.xml"):
        ElementTree.parse(tmp_path / "site" / name)
    index = json.loads((tmp_path / "site" / "index.json").read_text())
    assert {report["title"] for report in index["reports"]} == set(reports.PAYLOADS[:3])


def test_the_orders_of_a_site() -> None:
    def one(name: str, probability: float, gold: int | None, created: str) -> site_build.Shown:
        report = reports.report(prediction=said(probability, gold))
        report = replace(report, provenance=replace(report.provenance, created=created))
        card = cards.card(report, name=name, files=())
        return site_build.Shown(None, replace(card, title=f"Title {10 - int(name[1:])}"), name)  # type: ignore[arg-type]

    shown = [
        one("r2", 0.9, 0, "2024-01-02T00:00:00+00:00"),
        one("r10", 0.6, None, "2024-01-03T00:00:00+02:00"),
        one("r1", 0.7, 1, "2024-01-01T00:00:00+00:00"),
        one("r3", 0.8, 1, "2024-01-02T23:00:00+00:00"),
    ]
    orders = {
        "interest": ["r3", "r1", "r10", "r2"],
        "title": ["r10", "r3", "r2", "r1"],
        "name": ["r1", "r2", "r3", "r10"],
        "probability": ["r2", "r3", "r1", "r10"],
        "newest": ["r3", "r10", "r2", "r1"],
        "listed": ["r2", "r10", "r1", "r3"],
    }
    for order, wanted in orders.items():
        found = site_build.arranged(shown, SiteConfig(order=order))  # type: ignore[arg-type]
        assert [each.card.name for each in found] == wanted, order


@pytest.mark.parametrize("command", ["build", "serve"])
def test_every_option_has_help(command: str) -> None:
    options = [one for one in sites.site.commands[command].params if one.param_type_name == "option"]
    assert options
    assert all(getattr(option, "help", None) for option in options)


def ended(job: int) -> tuple[str, int]:
    """A job; the third brings its process down."""
    if job == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return str(job), job


def test_a_job_that_brings_its_process_down_ends_the_build() -> None:
    with Pool(2) as pool, pytest.raises(DeviceError, match="was killed") as caught:
        list(site_build._each(pool, ended, range(4), "render", Clock()))
    assert "--workers" in (caught.value.hint or "")
