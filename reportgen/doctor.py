"""Turn this machine into a list of what reportgen finds on it, what is missing, and the command that installs it.

Things are tried, not guessed: torch is asked for its devices, the typesetter sets a line in every script. Nothing is
installed or changed, and no network is used.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from reportgen.core.characters import clean
from reportgen.core.clock import epoch
from reportgen.core.errors import DeviceError, ReportgenError
from reportgen.core.files import disk
from reportgen.core.private import without_home

State = Literal["ok", "note", "missing"]

EXTRAS = {"ray": "batches on a Ray cluster", "peft": "adapters", "files": "--file of PDF and Word"}  # for users
ENGINES = ("pdflatex", "xelatex", "lualatex", "bibtex", "biber")
TEX = (
    "Debian and Ubuntu: apt-get install texlive-latex-recommended texlive-xetex texlive-luatex biber; macOS: brew "
    "install --cask mactex"
)
BROWSERS = ("google-chrome", "chromium", "chromium-headless-shell", "firefox", "microsoft-edge")
APPLICATIONS = ("Google Chrome", "Firefox", "Safari", "Microsoft Edge")  # of macOS
SCRIPTS = {  # a letter of each, and the package of Debian and Ubuntu that has a font for it
    "Latin, Greek, Cyrillic": ("aωж", "fonts-dejavu-core"),
    "mathematics": ("∑∀→", "fonts-dejavu-core"),
    "Arabic, Hebrew": ("سש", "fonts-noto-core"),
    "Devanagari, Bengali, Tamil, Thai": ("कকகท", "fonts-noto-core"),
    "Chinese, Japanese, Korean": ("漢か한", "fonts-noto-cjk"),
    "emoji": ("😀", "fonts-noto-color-emoji"),
}
VARIABLES = ("HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", "REPORTGEN_CACHE", "SOURCE_DATE_EPOCH", "RAY_ADDRESS")
LEAST_FREE = 2e9  # bytes on a disk: less does not hold a model and its report
MOST_SECONDS = 20  # that a program may take to say its version


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked for."""

    kind: str  # "packages", "device"
    state: State  # "missing": a report by default needs it; "note": something else does
    said: str  # what was found, or what cannot be done without it
    hint: str = ""  # the command that helps


def examine() -> Iterator[Item]:
    """Everything that is looked for, in the order in which a report needs it."""
    yield Item("reportgen", "ok", f"{metadata.version('reportgen')}, Python {platform.python_version()}, {_system()}")
    yield from packages()
    yield from devices()
    yield from pages()
    yield from programs()
    yield from folders()
    yield from variables()


def _system() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"


def packages() -> Iterator[Item]:
    """The packages that reportgen declares, and those of its extras."""
    wrong: list[str] = []
    count = 0
    extras: dict[str, list[str]] = {}
    for line in metadata.requires("reportgen") or ():
        requirement = Requirement(line)
        extra = next((name for name in EXTRAS if f'"{name}"' in str(requirement.marker or "")), None)
        if requirement.marker is not None and extra is None:
            continue
        problem = _problem(requirement)
        if extra is not None:
            extras.setdefault(extra, []).extend([problem] if problem else [])
        else:
            count += 1
            wrong += [problem] if problem else []
    if wrong:
        yield Item("packages", "missing", "; ".join(wrong), f"{_pip()} install --upgrade reportgen")
    else:
        yield Item("packages", "ok", f"all {count} that reportgen needs, in versions that it supports")
    for name, problems in extras.items():
        if problems:
            yield Item(
                "packages", "note", f"{EXTRAS[name]}: {'; '.join(problems)}", f'{_pip()} install "reportgen[{name}]"'
            )
        else:
            yield Item("packages", "ok", f"{EXTRAS[name]} (reportgen[{name}])")


def _problem(requirement: Requirement) -> str:
    """What is wrong with a package; "" if it is there in a version that fits."""
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    fits = requirement.specifier.contains(found, prereleases=True)
    return "" if fits else f"{requirement.name} {found} does not fit {requirement.specifier}"


def _pip() -> str:
    """The command that installs into this Python."""
    return f"{without_home(sys.executable)} -m pip"


def devices() -> Iterator[Item]:
    """What torch computes on, and whether there is a GPU that it does not see."""
    try:
        import torch

        from reportgen.model.classifier import find_device
    except Exception as error:  # a broken installation raises anything
        yield Item(
            "device", "missing", f"torch cannot be imported: {clean(str(error))[:200]}", f"{_pip()} install torch"
        )
        return
    chosen = find_device("auto")
    said = f"{chosen}: torch {torch.__version__}, {torch.get_num_threads()} threads"
    if chosen.type == "cuda":
        free, total = torch.cuda.mem_get_info()
        said += f", {torch.cuda.get_device_name()}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
    yield Item("device", "ok", said)
    if chosen.type != "cuda" and Path("/dev/nvidiactl").exists():
        try:
            find_device("cuda")
        except DeviceError as error:
            hint = f"{_pip()} install --force-reinstall torch; see https://pytorch.org/get-started/locally"
            yield Item(
                "device", "note", f"an NVIDIA GPU is here, and torch cannot use it: {clean(error.message)}", hint
            )


def pages() -> Iterator[Item]:
    """The typesetter of the PDF, and the scripts that it has fonts for."""
    from reportgen.report.paper import typesetting

    try:
        typesetting.check_engine()
    except ReportgenError as error:
        yield Item("PDF", "missing", clean(error.message), error.hint or "")
        return
    yield Item("PDF", "ok", f"WeasyPrint {metadata.version('weasyprint')} with Pango")
    letters = "".join(sample for sample, _ in SCRIPTS.values())
    lost = set(typesetting.typeset(f"<!doctype html><html lang=en><title>fonts</title><p>{letters}").missing)
    without = {name: package for name, (sample, package) in SCRIPTS.items() if lost & set(sample)}
    there = [name for name in SCRIPTS if name not in without]
    if there:
        yield Item("fonts", "ok", "; ".join(there))
    if without:
        names = " ".join(dict.fromkeys(without.values()))
        hint = f"Debian and Ubuntu: apt-get install {names}; elsewhere, the Noto fonts: https://fonts.google.com/noto"
        yield Item("fonts", "note", f"the PDF shows boxes for: {'; '.join(without)}", hint)


def programs() -> Iterator[Item]:
    """TeX, for the manuscripts that reports go into, and browsers, for the page."""
    found = {name: _version(name) for name in ENGINES if shutil.which(name)}
    if found:
        yield Item("TeX", "ok", "; ".join(found.values()))
    lost = [name for name in ENGINES if name not in found]
    if lost:
        yield Item("TeX", "note", f"not here: {', '.join(lost)}; reportgen writes LaTeX without them", TEX)
    browsers = {name: _version(name) for name in BROWSERS if shutil.which(name)}
    browsers |= {name: name for name in APPLICATIONS if Path(f"/Applications/{name}.app").exists()}
    if browsers:
        yield Item("browser", "ok", "; ".join(browsers.values()))
    else:
        said = "none found here; the page opens on any machine with Chrome 80, Firefox 113, Safari 16.4 or later"
        yield Item("browser", "note", said, "Debian and Ubuntu: apt-get install chromium")


def _version(program: str) -> str:
    """What a program says of its version, in a few words; its name if it says nothing."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return program
    first = next(iter(said.stdout.split("\n")), "").strip()
    number = re.search(r"TeX Live \d+|\d+(\.[\d-]+)+", first)
    return f"{program} {number[0]}" if number else program


def folders() -> Iterator[Item]:
    """The caches, and whether the current folder takes a report."""
    from huggingface_hub import constants

    for name, folder in (("reportgen", disk.cache()), ("hub", Path(constants.HF_HUB_CACHE))):
        there = next(one for one in (folder, *folder.parents) if one.exists())
        where = without_home(str(folder))
        if not os.access(there, os.W_OK):
            yield Item(
                "cache", "note", f"{name}: {where} cannot be written", f"set {_variable(name)} to another folder"
            )
            continue
        size = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
        free = shutil.disk_usage(there).free
        said = f"{name}: {where}, {size / 1e6:,.0f} MB; {free / 1e9:,.1f} GB free"
        hint = "" if free > LEAST_FREE else f"free some space, or set {_variable(name)} to another disk"
        yield Item("cache", "note" if hint else "ok", said, hint)
    try:
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".reportgen-"):
            pass
    except OSError as error:
        yield Item("output", "missing", f"the current folder cannot be written: {error.strerror}", "use -o FOLDER")


def _variable(name: str) -> str:
    return disk.CACHE if name == "reportgen" else "HF_HOME"


def variables() -> Iterator[Item]:
    """The environment variables that are set; of a token, only that it is."""
    found = [f"{name}={without_home(clean(os.environ[name]))}" for name in VARIABLES if name in os.environ]
    found += ["HF_TOKEN is set"] if os.environ.get("HF_TOKEN") else []
    if found:
        yield Item("environment", "ok", "; ".join(found))
    try:
        epoch()
    except ReportgenError as error:
        yield Item("environment", "missing", clean(error.message), error.hint or "")
