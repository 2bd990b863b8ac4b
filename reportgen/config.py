"""What a run was asked to do, and the presets. The only home of defaults.

A preset is a TOML file with the fields of `Config`; options of the command line override it.
"""

from __future__ import annotations

import difflib
import shlex
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from reportgen.characters import clean
from reportgen.errors import UsageError
from reportgen.records import ColourScale

PACKAGE = Path(__file__).parent
PRESETS = PACKAGE / "presets"
DEMO = PACKAGE / "demo"

FORMATS = ("html", "pdf", "tables", "figures")
COLOUR_SCALES: tuple[ColourScale, ...] = ("linear", "rank", "log")
DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True, slots=True)
class Config:
    """One run. Fields are named like the options of `reportgen run`."""

    preset: str | None = None
    title: str | None = None
    model: str = "demo"  # "demo", a folder, or an id on the hub
    revision: str | None = None
    tokenizer: str | None = None
    labels: tuple[str, ...] = ()  # names instead of the model's own
    attention_window: int | None = None  # instead of the model's own
    global_tokens: tuple[int, ...] = (0,)  # positions with global attention
    dataset: str | None = None  # "demo"
    split: str | None = None
    index: int | None = None
    text: str | None = None
    file: str | None = None  # path, or "-" for standard input
    label: str | None = None  # gold label of --text or --file
    max_length: int | None = None  # tokens; the model's own limit if left out
    max_chars: int = 5_000_000
    importance: str = "none"  # "none", "demo", or a path
    importance_key: str | None = None
    top_k: int = 10
    colour_scale: ColourScale = "linear"
    device: str = "auto"
    dtype: str = "float32"
    seed: int = 0
    output: str | None = None
    format: tuple[str, ...] = FORMATS
    overwrite: bool = False
    offline: bool = False
    require_safetensors: bool = False
    strict: bool = False

    def plain(self) -> dict[str, str | int | float | bool | None]:
        """The fields for `report.json` and the manifest, without the text itself and without where it went."""
        values = {name: _plain(value) for name, value in asdict(self).items() if name not in ("output", "overwrite")}
        if self.text is not None:
            values["text"] = f"{len(self.text)} characters"
        return values

    def command(self) -> str:
        """The command line that gives this report again: only what differs from the defaults."""
        base = load_preset(self.preset) if self.preset else Config()
        words = ["reportgen", "run"]
        if self.preset:
            words += ["--preset", self.preset]
        for field in fields(self):
            value = getattr(self, field.name)
            own = field.name in ("preset", "title", "output", "overwrite")
            if own or value is None or value == getattr(base, field.name):
                continue
            option = "--" + field.name.replace("_", "-")
            words += [option] if value is True else [option, str(_plain(value))]
        return shlex.join(words)


def load_preset(name: str) -> Config:
    """Read a preset of the package by its name, or a user's own by its path.

    Raises:
        UsageError: If there is none, it is not TOML, or a key is unknown or of the wrong kind.
    """
    path = PRESETS / f"{name}.toml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file() or path.suffix != ".toml":
        known = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.toml")))
        raise UsageError(f'no preset "{name}"', hint=f"known: {known}; or the path of a .toml file")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"preset {path.name} is not TOML: {error}") from error
    values: dict[str, Any] = {key: _typed(path.name, key, value) for key, value in content.items()}
    return replace(Config(), preset=name, **values)


def _typed(preset: str, key: str, value: object) -> object:
    kinds = {field.name: str(field.type) for field in fields(Config)}
    if key not in kinds or key == "preset":
        near = difflib.get_close_matches(key, kinds, n=1)
        raise UsageError(f'preset {preset}: unknown key "{key}"', hint=f"did you mean {near[0]}?" if near else None)
    kind = kinds[key]
    if kind.startswith("tuple"):
        fits = isinstance(value, list) and all(type(item).__name__ in kind for item in value)
    else:
        fits = type(value).__name__ in kind or (key == "colour_scale" and value in COLOUR_SCALES)
    if not fits:
        raise UsageError(f"preset {preset}: {key} = {value!r} has the wrong kind", hint=f"wanted: {kind}")
    return tuple(value) if isinstance(value, list) else value


def without_home(path: str) -> str:
    """A path as it may be published: the user's own folder is ~."""
    home = str(Path.home())
    return "~" + path[len(home) :] if path.startswith(home + "/") else path


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return clean(without_home(value)) if isinstance(value, str) else value
