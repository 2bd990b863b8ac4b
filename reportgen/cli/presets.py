"""The command for presets."""

from __future__ import annotations

import json

import click


@click.group(invoke_without_command=True)
@click.pass_context
def presets(context: click.Context) -> None:
    """List the presets, or print one of them."""
    if context.invoked_subcommand is not None:
        return
    from reportgen.core import presets as known

    width = max(map(len, known.names()))
    for name in known.names():
        click.echo(f"{name:{width}}  {known.description(name)}")


@presets.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the preset NAME. Copy and change it to make your own; --preset takes its path."""
    from reportgen.core import presets as known

    click.echo(known.text(name), nl=False)


@presets.command()
def schema() -> None:
    """Print the JSON Schema of presets. Editors check TOML files with it."""
    from reportgen.core import presets as known

    click.echo(json.dumps(known.schema(), indent=2))
