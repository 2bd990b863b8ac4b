"""Write docs/options.md from the help of every command: `python scripts/options.py`.

The words are those of `--help`; what they have in common is in INTRODUCTION. A test checks that the page is current.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from reportgen import cli

PAGE = Path(__file__).resolve().parent.parent / "docs" / "options.md"
COLUMNS = 88  # characters of a line: as many as the manual shows without scrolling
INTRODUCTION = """\
# Options

Every command with its options, as `reportgen COMMAND --help` prints them. An option has the same name and the same
meaning in every command. A [preset](data.md#presets) may hold any option of `reportgen run`.

Long work and downloads show a progress bar on a terminal, except with `-q`. Warnings and errors are printed on stderr,
results on stdout, the path of the report last.

## Environment variables

| variable | meaning |
|---|---|
| `HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT` | where the hub's files are cached, the access token, another hub |
| `HF_HUB_OFFLINE`, `HF_HUB_DISABLE_PROGRESS_BARS` | as in huggingface_hub: no network, no progress bars |
| `RAY_ADDRESS`, `RAY_AUTH_MODE` | [the Ray cluster](batches.md#on-a-ray-cluster) |
| `REPORTGEN_CACHE` | [the cache](#the-cache) |
| `SOURCE_DATE_EPOCH` | the time that reports record, in seconds since 1970; see [equal bytes](papers.md) |

## The cache

`~/.cache/reportgen`, or the folder that `REPORTGEN_CACHE` names, holds predictions (for `--pick`, `--where` and
`examples`), head importance (for `--importance auto`), which tokenizers transformers builds as their `tokenizer.json`
says, the sums of a corpus (with words and titles of its documents), and the script that draws the charts of the page.
You may delete it at any time.
"""


def commands(group: click.Group = cli.main, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below *group*, groups too, with the words that call it: "site build"."""
    for word, command in group.commands.items():
        full = f"{name} {word}".strip()
        yield full, command
        if isinstance(command, click.Group):
            yield from commands(command, full)


def shown(name: str) -> str:
    """What `--help` prints of a command."""
    arguments = [*name.split(), "--help"]
    result = CliRunner().invoke(cli.main, arguments, prog_name="reportgen", terminal_width=COLUMNS)
    assert result.exit_code == 0, result.output
    return result.output


def page() -> str:
    """The text of docs/options.md."""
    parts = [f"\n## reportgen {name}\n\n```text\n{shown(name)}```\n" for name, _ in commands()]
    return (
        "<!-- Written by scripts/options.py: change that, or the help of the commands. -->\n\n"
        + INTRODUCTION
        + "".join(parts)
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
