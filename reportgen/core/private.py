"""Turn the names of models, data and files, and messages about them, into what others may see.

Reports are attached to papers and published: a path names its user, a machine, a project.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WITHHELD = "withheld"  # in the place of a revision by which a name could be found
REVISIONS = ("revision", "base_revision", "tokenizer_revision", "dataset_revision")  # fields of `Config`
FACTS = ("created", "dtype", "examples", "labels", "measure", "reportgen", "rows drawn", "seed", "tokens at most",
         "weights sha256")  # about head importance, that name nothing  # fmt: skip
PATHS = ("preset", "model", "tokenizer", "dataset", "file", "importance")  # fields of `Config` that may be paths


def public(name: str) -> str:
    """A name for publication; of a path, only its part below the current folder, or its last part.

    >>> public("org/name"), public("/home/jane.doe/my-model/"), public("../jane.doe/papers.csv")
    ('org/name', 'my-model', 'papers.csv')
    """
    if not name.startswith(("/", "~")) and ".." not in name.split("/"):
        return name
    whole = os.path.expanduser(name)  # noqa: PTH111  leaves the home of an unknown user as it is
    here, home = Path.cwd(), Path.home()
    path = Path(os.path.normpath(here / whole))
    if path == home or (name[0] == "~" and "/" not in name.rstrip("/")):  # its last part is a user
        return "~"
    above_home = here in home.parents  # then what is below it names users
    inside = path.is_relative_to(here) and whole[0] != "~" and not above_home
    return str(path.relative_to(here)) if inside else path.name or "/"


def without_home(path: str) -> str:
    """A path in which the home of the user is ~."""
    home = str(Path.home())
    return "~" + path[len(home) :] if path.startswith(home + "/") else path


def without_names(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The plain fields of a `Config` without those that name a model or data."""
    named = (*PATHS, *REVISIONS, "dataset_config")
    return {name: None if name in named else value for name, value in configuration.items()}


def said(message: str) -> str:
    """A message for a file that may be published, with paths from the current folder, the home or a temporary one."""
    folders = {str(Path.cwd()): "", tempfile.gettempdir(): "", str(Path.home()): "~/"}
    for folder in sorted(folders, key=len, reverse=True):
        if folder != "/":
            message = message.replace(f"{folder}/", folders[folder])
    return message
