"""The project's workflows may do no more than they need, and name what is there; so do the settings of its site."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from reportgen import cli
from reportgen.site import settings as site_settings

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WRITES = {  # what a job may do beyond reading
    "pages.yml: publish": {"pages": "write", "id-token": "write"},
    "release.yml: build": {"attestations": "write", "id-token": "write"},
    "release.yml: publish": {"id-token": "write"},
}
FOREIGN = {"pypa/gh-action-pypi-publish"}  # actions that GitHub does not make; a tag of theirs could be moved


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    """The jobs of a workflow, by name."""
    return dict(yaml.safe_load(path.read_text())["jobs"])


def steps(path: Path) -> list[dict[str, Any]]:
    """All steps of a workflow."""
    return [step for job in jobs(path).values() for step in job["steps"]]


def pinned(action: str) -> bool:
    """Whether it is GitHub's own with a version, or one of the few others, at a commit."""
    name, _, version = action.partition("@")
    if name in FOREIGN:
        return re.fullmatch(r"[0-9a-f]{40}", version) is not None
    return re.fullmatch(r"actions/[a-z-]+@v\d+", action) is not None


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_make_target_of_a_workflow_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for step in steps(path) for name in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    assert named <= targets


def test_the_site_is_built_by_the_projects_own_command() -> None:
    path = ROOT / ".github" / "workflows" / "pages.yml"
    runs = "\n".join(step.get("run", "") for step in steps(path))
    options = {word for line in re.findall(r'ARGS="([^"]*)"', runs) for word in line.split() if word.startswith("--")}
    build = cli.main.commands["site"].commands["build"]  # type: ignore[attr-defined]
    assert "make site" in runs
    assert options <= {name for option in build.params for name in option.opts}
    assert {"actions/configure-pages", "actions/upload-pages-artifact", "actions/deploy-pages"} <= {
        step["uses"].split("@")[0] for step in steps(path) if "uses" in step
    }


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_no_more_than_it_needs(path: Path) -> None:
    """Rights job by job, actions pinned to a version, and no value of an event or a step pasted into a shell."""
    text = path.read_text()
    assert yaml.safe_load(text)["permissions"] in ({}, {"contents": "read"})
    assert "secrets." not in text
    assert "pull_request_target" not in text  # would run what a stranger sends with the project's own rights
    for name, job in jobs(path).items():
        beyond = {right: value for right, value in job.get("permissions", {}).items() if value != "read"}
        assert beyond == WRITES.get(f"{path.name}: {name}", {})
        assert job["timeout-minutes"] <= 90
    for step in steps(path):
        assert "${{" not in step.get("run", "")
        assert pinned(step["uses"]) if "uses" in step else "run" in step
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize(
    "action", ["actions/checkout", "actions/checkout@main", "pypa/gh-action-pypi-publish@v1.14.1", "someone/else@v1"]
)
def test_an_action_whose_code_may_change_unseen_is_noticed(action: str) -> None:
    assert not pinned(action)


def test_every_python_that_the_package_names_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [text.rpartition(" ")[2] for text in project["classifiers"] if text.startswith("Programming Language")]
    matrix = jobs(ROOT / ".github" / "workflows" / "test.yml")["test"]["strategy"]["matrix"]
    assert matrix["python"] == named
    assert project["requires-python"] == f">={named[0]}"


def test_every_push_runs_what_a_change_has_to_pass() -> None:
    """The same commands as .ci/run, the tests on the lowest versions, and the manual."""
    path = ROOT / ".github" / "workflows" / "test.yml"
    run = {name for step in steps(path) for name in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    needed = set(re.findall(r"^make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    assert run == needed | {"test-lowest", "docs"}
    assert yaml.safe_load(path.read_text())[True] == ["push", "pull_request"]  # YAML reads `on` as true


def test_what_is_released_is_what_was_attested() -> None:
    """One job builds and attests; the one that publishes runs no code of the project, and takes that job's files."""
    build, publish = jobs(ROOT / ".github" / "workflows" / "release.yml").values()
    used = [step for job in (build, publish) for step in job["steps"] if "uses" in step]
    given = {step["uses"].split("@")[0]: step.get("with", {}) for step in used}
    assert given["actions/attest-build-provenance"]["subject-path"] == "dist/reportgen-*"
    assert given["actions/upload-artifact"]["path"] == given["actions/download-artifact"]["path"] == "dist/"
    assert given["actions/upload-artifact"]["name"] == given["actions/download-artifact"]["name"]
    assert publish["needs"] == "build"
    assert not any("run" in step for step in publish["steps"])


def test_the_settings_of_our_own_site_are_read() -> None:
    config = site_settings.load(ROOT / "site" / "site.toml")
    assert config.reports == ("_reports", "_compared")
    assert set(config.notes) <= {f"demo-{index}" for index in range(16)}
