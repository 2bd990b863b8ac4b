"""The README says what is true now. Run as a script, this file writes the help text into it."""

import re
from pathlib import Path

from click.testing import CliRunner

from reportgen import cli
from reportgen.core import errors

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"(<!-- help: .*? -->\n```\n)(.*?)(```\n<!-- /help -->)", re.DOTALL)


def _help() -> str:
    return CliRunner().invoke(cli.main, ["run", "--help"], prog_name="reportgen", terminal_width=100).output


def test_the_readme_shows_the_help_of_run_word_for_word():
    match = BLOCK.search(README.read_text(encoding="utf-8"))
    assert match is not None
    assert match[2] == _help()


def test_the_readme_lists_the_exit_code_of_every_error():
    text = README.read_text(encoding="utf-8")
    codes = {kind.exit_code for kind in errors.ReportgenError.__subclasses__()} | {0, 70}
    listed = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE) for code in row.split(",")}
    assert codes <= listed
    assert {cli.INTERRUPTED, cli.TERMINATED} <= listed


def test_every_command_is_in_the_readme():
    text = README.read_text(encoding="utf-8")
    assert all(f"reportgen {name}" in text for name in cli.main.commands)


def test_every_file_that_the_readme_names_is_there():
    root = README.parent
    named = re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (root / name).exists()] == []


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(BLOCK.sub(lambda match: match[1] + _help() + match[3], text), encoding="utf-8")
