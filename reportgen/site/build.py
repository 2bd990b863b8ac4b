"""Turn report folders into a static site; it reads like a table of contents.

The modules of the same names make pages, cards and the index. Only the cards of the reports are kept in memory: each
report is read and rendered in a worker process, and only if something of its page has changed: the report, what the
page says of the site, its templates, styles and scripts, the versions of reportgen and its libraries. Code of one
version counts as unchanged; after a change of the code, delete the site and build it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from reportgen.core import versions
from reportgen.core.characters import natural
from reportgen.core.clock import Clock
from reportgen.core.errors import BrokenLinkError, DeviceError, OutputError
from reportgen.core.files import disk
from reportgen.core.processes.workers import Pool
from reportgen.report.page import render
from reportgen.report.stored import store
from reportgen.site import cards, dead_links, find_reports
from reportgen.site import folder as site_folder
from reportgen.site.cards import Card
from reportgen.site.find_reports import Found, Note
from reportgen.site.folder import Made, SiteState
from reportgen.site.pages import compare_pages, corpus_page, for_programs, index_pages, report_page
from reportgen.site.pages.compare_pages import SiteComparison
from reportgen.site.pages.corpus_page import SiteCorpus
from reportgen.site.pages.report_page import PageJob
from reportgen.site.settings import SiteConfig

INDEX = "index.html"
FEW = 3  # jobs that are done before a worker process has started
Job = TypeVar("Job")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Built:
    """The result of a build."""

    index: Path  # the first page
    reports: int  # in the site
    rendered: int  # of these, pages that were rendered
    removed: int  # files of the site before that are gone
    notes: tuple[Note, ...]  # what is not in the site, and why


@dataclass(frozen=True, slots=True)
class Shown:
    """A report in the site, with a key of its sources."""

    found: Found
    card: Card
    key: str  # of the card


def build(
    folders: Sequence[Path], config: SiteConfig, output: Path, clock: Clock, *, base: Path = Path(), workers: int = 1
) -> Built:
    """Build the site, or only its changes.

    Args:
        folders: Reports, or folders with reports; without any, the patterns of the configuration count.
        config: Of the site.
        output: Folder of the site; an existing site stays unchanged until everything is rendered.
        clock: Says which stage runs, and how far it has come.
        base: What the patterns of the configuration are relative to.
        workers: Processes that render.

    Raises:
        OutputError: If there is no report, something else is at *output*, or the disk does not take it.
        DeviceError: If a worker process was ended from outside.
        BrokenLinkError: If a link of the new site would lead nowhere.
    """
    named, notes = (folders, []) if folders else find_reports.expand(config.reports, base)
    found, unread = find_reports.gather([folder for folder in named if not find_reports.is_of_several(folder)],
                                        unnamed=config.anonymous)  # fmt: skip
    corpus, others = _corpus(named, config)
    compared, more = _comparisons(named, config)
    notes = [*notes, *others, *more]
    if not folders:
        notes += _unknown_notes(config, found)
    if not found and not output.exists():
        _refuse_empty([], SiteState(), output, [*notes, *unread])
    with site_folder.opened(output) as before, Pool(workers) as pool:
        shown, broken = _read_cards(found, config, before, output, pool, clock)
        _refuse_empty(shown, before, output, [*notes, *unread, *broken])
        shown, made, failed, rendered = _render(shown, config, before, output, pool, clock, corpus)
        _refuse_empty(shown, before, output, failed)
        with clock.stage("index"):
            site = _site(shown, made, config, before, output, corpus, compared)
        with clock.stage("write"):
            removed = _put(output, before, SiteState(_kept(shown), made, site))
    notes += [*unread, *broken, *failed]
    return Built(output / INDEX, len(shown), rendered, removed, tuple(notes))


def _corpus(folders: Sequence[Path], config: SiteConfig) -> tuple[SiteCorpus | None, list[Note]]:
    """The report over a batch that is the front of the site; an anonymous site has none, as it may name the model."""
    found, notes = corpus_page.find(folders)
    if found is None or not config.anonymous:
        return found, notes
    return None, [*notes, Note(str(found.folder), "an anonymous site shows no corpus report: it may name the model")]


def _comparisons(folders: Sequence[Path], config: SiteConfig) -> tuple[tuple[SiteComparison, ...], list[Note]]:
    """The comparisons that the front page lists; an anonymous site has none, as they may name the models."""
    found, notes = compare_pages.find(folders)
    if not config.anonymous:
        return found, notes
    why = "an anonymous site shows no comparison: it may name the models"
    return (), [*notes, *(Note(str(one.folder), why) for one in found)]


def _refuse_empty(shown: list[Shown], before: SiteState, output: Path, notes: list[Note]) -> None:
    """Refuse a site of no reports.

    Raises:
        OutputError: With why the first of them is not in it.
    """
    if shown:
        return
    why = f" ({notes[0]})" if notes else ""
    if before.reports:
        raise OutputError(
            f"no report found: the site of {len(before.reports):,} in {disk.shown(output)} stays unchanged{why}",
            hint="check the folders of the reports; remove the site if it should be empty",
        )
    raise OutputError(f"no report found{why}", hint="name reports, or a folder of them; reportgen run makes one")


def _read_cards(
    found: list[Found], config: SiteConfig, before: SiteState, output: Path, pool: Pool, clock: Clock
) -> tuple[list[Shown], list[Note]]:
    """The card of every report, in the order of the site; from the state if nothing has changed."""
    made_with = versions.installed()
    keys = {one.name: _key(made_with, one.name, one.unnamed, one.manifest, sorted(one.files.items()),
                           sorted(one.stamps.items()))
            for one in found}  # fmt: skip
    known = {one.name: card for one in found if (card := cards.restored(before.cards.get(keys[one.name], {})))}
    missing = [one for one in found if one.name not in known]
    notes: list[Note] = []
    with clock.stage("cards"):
        for name, read in _each(pool, cards.read, missing, "cards", clock):
            if isinstance(read, Note):
                notes.append(read)
            else:
                known[name] = read
    shown = [Shown(one, known[one.name], keys[one.name]) for one in found if one.name in known]
    if missing:  # worth keeping, whatever becomes of this build
        site_folder.save(output, replace(before, cards=before.cards | _kept(shown)))
    return arranged(shown, config), sorted(notes, key=str)


def _render(
    shown: list[Shown],
    config: SiteConfig,
    before: SiteState,
    output: Path,
    pool: Pool,
    clock: Clock,
    corpus: SiteCorpus | None,
) -> tuple[list[Shown], dict[str, Made], list[Note], int]:
    """A page for every report, already in the site or staged, except reports whose page cannot be made.

    A page names its neighbours: if one cannot be made, its neighbours are made again.
    """
    notes: list[Note] = []
    rendered: set[str] = set()
    with clock.stage("render"):
        while True:
            jobs = _jobs(shown, config, output, corpus)
            made = {name: found for name, job in jobs.items() if (found := _made_before(job, before))}
            missing = [job for name, job in jobs.items() if name not in made]
            failed: dict[str, Note] = {}
            for name, page in _each(pool, report_page.stage, missing, "render", clock):
                if isinstance(page, Note):
                    failed[name] = page
                else:
                    made[name] = page
                    rendered.add(name)
            if not failed:
                return shown, {one.found.name: made[one.found.name] for one in shown}, notes, len(rendered)
            notes += [failed[name] for name in sorted(failed)]
            shown = [one for one in shown if one.found.name not in failed]


def _jobs(shown: Sequence[Shown], config: SiteConfig, output: Path, corpus: SiteCorpus | None) -> dict[str, PageJob]:
    """The pages to render, by the names of the reports."""
    drawn_with = [*report_page.site_assets(), render.sources(report_page.TEMPLATE)]
    around = [None, *(one.card for one in shown), None]
    jobs = {}
    for number, one in enumerate(shown):
        note, previous, following = config.notes.get(one.found.called), around[number], around[number + 2]
        within = corpus.place_of(one.found, one.card) if corpus else None
        place = report_page.place_of(one.card, config, note=note, previous=previous, following=following, corpus=within)
        key = _key(one.key, asdict(place), drawn_with)
        jobs[one.found.name] = PageJob(one.found, one.card, place, key, output)
    return jobs


def _made_before(job: PageJob, before: SiteState) -> Made | None:
    """The page of a job in the site, or staged by an interrupted build."""
    there = before.reports.get(job.found.name)
    if site_folder.is_whole(job.output, there, job.key):
        return there
    return site_folder.staged(job.output, job.key)


def _site(
    shown: list[Shown],
    made: dict[str, Made],
    config: SiteConfig,
    before: SiteState,
    output: Path,
    corpus: SiteCorpus | None,
    compared: tuple[SiteComparison, ...],
) -> Made:
    """All that belongs to no one report, in the site already or staged. Every link is looked at before."""
    told = [(one.key, config.notes.get(one.found.called), sorted(made[one.found.name].files)) for one in shown]
    plain = [config.title, config.blurb, config.base_url, config.order, config.per_page, config.downloads]
    drawn_with = [*report_page.site_assets(), *index_pages.site_assets(), render.sources(*index_pages.TEMPLATES)]
    keys = [(one.name, one.key) for one in compared]
    wanted = _key(versions.installed(), drawn_with, *plain, config.language, told, corpus and corpus.key, keys)
    there = before.site if site_folder.is_whole(output, before.site, wanted) else None
    files = {} if there else _site_files(shown, made, config, corpus, compared)
    read = {path: dead_links.read(content.decode()) for path, content in files.items() if path.endswith(".html")}
    of_reports = {page_of(name): dead_links.Linked(each.links, frozenset()) for name, each in made.items()}
    paths = {*(there.files if there else files), *(path for each in made.values() for path in each.files)}
    ids = {path: page.ids for path, page in read.items()}
    wrong = dead_links.problems(read | of_reports, paths, ids=ids, base_url=config.base_url)
    if wrong:
        more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        raise BrokenLinkError(f"broken link: {wrong[0]}{more}", hint="this is a bug; the site is unchanged")
    return there or site_folder.stage(output, wanted, files)


def _site_files(
    shown: list[Shown],
    made: dict[str, Made],
    config: SiteConfig,
    corpus: SiteCorpus | None,
    compared: tuple[SiteComparison, ...],
) -> dict[str, bytes]:
    """Assets, catalogue, pages of the index, and files for programs, in the order of putting them in place."""
    all_cards = [one.card for one in shown]
    noted = {one.found.name: config.notes[one.found.called] for one in shown if one.found.called in config.notes}
    config = replace(config, notes=noted)
    data = index_pages.files(all_cards, _texts(shown), config)
    html = index_pages.pages(all_cards, config, data, corpus, compared)
    called = {one.found.called: one.found.name for one in shown}
    over = corpus_page.files(corpus, called, title=config.title, language=config.language) if corpus else {}
    places = {one.found.folder.resolve(): one.found.name for one in shown}
    over |= compare_pages.files(compared, places, title=config.title, language=config.language)
    named = {one.found.name: links_of(one.found.name, made[one.found.name]) for one in shown}
    listed = [name for name in html if name != dead_links.NOT_FOUND]
    return {
        **report_page.site_assets(),
        **index_pages.site_assets(),
        **data,
        **over,
        **for_programs.files(all_cards, config, links=named, pages=listed),
        **{name: html[name].encode() for name in sorted(html, key=lambda name: (name == INDEX, name))},
    }


def _put(output: Path, before: SiteState, after: SiteState) -> int:
    """Put staged files in place, so that no link is ever broken, then remove unused files.

    Assets come first, then reports, then the index; the state is saved last, and says in the meantime what is ours.
    """
    assert after.site is not None  # it was made before
    kept = {
        name: made
        for name, made in after.reports.items()
        if site_folder.is_whole(output, before.reports.get(name), made.key)
    }
    fresh = {name: made for name, made in after.reports.items() if name not in kept}
    site = after.site if site_folder.is_whole(output, before.site, after.site.key) else None
    gone = before.files - after.files
    if not fresh and not gone and site is not None and not before.pending:
        site_folder.clear(output)
        return 0
    pending = tuple(sorted(before.files | after.files))
    folded = {path.casefold() for path in after.files}  # to some disks two names that differ in case are one
    site_folder.remove(output, {path for path in gone if path.casefold() in folded})
    site_folder.check_free(output, before, after.files)
    site_folder.save(output, SiteState(after.cards, kept, site, pending))
    if site is None:
        site_folder.install(output, after.site, [path for path in after.site.files if path.startswith("assets/")])
    for name in sorted(fresh, key=lambda name: name in before.reports):  # what no page names yet, first
        site_folder.install(output, fresh[name])
    if site is None:
        site_folder.install(output, after.site, [path for path in after.site.files if path[:7] != "assets/"])
    site_folder.remove(output, gone)
    site_folder.save(output, after)
    site_folder.clear(output)
    return len(gone)


def arranged(shown: Iterable[Shown], config: SiteConfig) -> list[Shown]:
    """Reports in the order of the site. "interest": errors, the surest first; then the rest, the least sure first."""
    given = list(shown)
    if config.order == "listed":
        return given
    by_name = sorted(given, key=lambda one: natural(one.card.name))
    orders: dict[str, Callable[[Card], Any]] = {
        "name": lambda card: (),
        "title": lambda card: natural(card.title),
        "probability": lambda card: (card.probability is None, -(card.probability or 0)),
        "newest": lambda card: -for_programs.moment(card.created).timestamp(),
        "interest": _interest,
    }
    return sorted(by_name, key=lambda one: orders[config.order](one.card))


def _interest(card: Card) -> tuple[int, float]:
    sure = card.probability or 0.0
    if card.verdict == "wrong":
        return 0, -sure
    return (1, sure) if card.probability is not None else (2, 0.0)


def page_of(name: str) -> str:
    """The path of a report's page in the site."""
    return f"reports/{name}/{INDEX}"


def links_of(name: str, made: Made) -> dict[str, str | None]:
    """The files of a report, by path in the site."""
    kinds = {"page": INDEX, "pdf": "report.pdf", "download": "report.html", "picture": "card.png"}
    paths = {kind: f"reports/{name}/{file}" for kind, file in kinds.items()}
    return {kind: path if path in made.files else None for kind, path in paths.items()}


def _key(*parts: Any) -> str:
    """A key for everything made of *parts*."""
    return disk.key(made_of=parts)


def _kept(shown: Iterable[Shown]) -> dict[str, dict[str, Any]]:
    return {one.key: cards.plain(one.card) for one in shown}


def _texts(shown: Iterable[Shown]) -> Iterator[tuple[Card, str]]:
    """The texts of the reports, one after the other."""
    for one in shown:
        yield one.card, store.text(one.found.folder)


def _unknown_notes(config: SiteConfig, found: Sequence[Found]) -> list[Note]:
    known = {one.called for one in found}
    return [Note(f"notes: {name}", "no report has this name") for name in config.notes if name not in known]


def _each(
    pool: Pool, work: Callable[[Job], tuple[str, Answer]], jobs: Sequence[Job], what: str, clock: Clock
) -> Iterator[tuple[str, Answer]]:
    """Do all jobs, few of them here, and give their answers as they come.

    Raises:
        DeviceError: If a job brings its process down.
    """
    if not jobs:
        return
    with clock.track(what, len(jobs)) as advance:
        here = pool.workers == 1 or len(jobs) <= FEW
        for answer in map(work, jobs) if here else (answer for _, answer in pool.results(work, jobs)):
            if answer is None:
                raise DeviceError(
                    "a process that renders was killed, perhaps for lack of memory",
                    hint="run the same command again with fewer --workers",
                )
            yield answer
            advance(1)
