"""The command that looks at the machine: doctor."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from reportgen.core.errors import OutputError, one_line

SIGNS = {"ok": "ok     ", "note": "note   ", "missing": "missing"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def doctor(as_json: bool) -> None:
    """Check this machine: what reportgen finds, what is missing, and the command that installs it.

    Versions, device, typesetter and fonts of the PDF, TeX, browsers, caches. Nothing is installed, and no network is
    used. The exit code is 7 if something is missing that a report needs by default; a note is about something else.
    """
    from reportgen import doctor as machine

    found = []
    for item in machine.examine():
        found.append(item)
        if not as_json:
            click.echo(f"{SIGNS[item.state]}  {item.kind:<11}  {one_line(item.said)}")
            if item.hint:
                click.echo(f"{'':<22}  {one_line(item.hint)}")
    if as_json:
        click.echo(json.dumps([asdict(item) for item in found], ensure_ascii=False, indent=1))
    missing = sum(item.state == "missing" for item in found)
    if missing:
        raise OutputError(f"{missing} thing{'s are' if missing > 1 else ' is'} missing", hint="see above")
