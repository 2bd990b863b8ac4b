"""The project's own site: its settings and its workflow name what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reportgen import cli
from reportgen.site import settings as site_settings

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WRITES = {"publish": {"pages": "write", "id-token": "write"}}  # what a job may do beyond reading, by its name


def steps(path: Path) -> list[dict[str, Any]]:
    """All steps of a workflow."""
    return [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_make_target_of_a_workflow_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for step in steps(path) for name in re.findall(r"\bmake ([a-z]+)", step.get("run", ""))}
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
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        beyond = {right: value for right, value in job.get("permissions", {}).items() if value != "read"}
        assert beyond == WRITES.get(name, {})
        assert job["timeout-minutes"] <= 60
    for step in steps(path):
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) if "uses" in step else "run" in step


def test_the_settings_of_our_own_site_are_read() -> None:
    config = site_settings.load(ROOT / "site" / "site.toml")
    assert config.reports == ("_reports",)
    assert set(config.notes) <= {f"demo-{index}" for index in range(16)}
