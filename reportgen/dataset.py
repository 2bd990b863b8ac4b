"""Turn a source and a choice into one `Example`: the embedded documents, a file, or a text.

Text is cleaned here, once, one character for one, so that every offset counts characters of the file as it came,
line ends included. A byte order mark is no character of the text: offsets count from behind it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

from reportgen.characters import UNPRINTABLE, clean, slug
from reportgen.config import DEMO, Config
from reportgen.errors import DataError, UsageError
from reportgen.records import Example

SOURCES = "--text, --file, or the demo (--preset demo, with --index)"


def choose(config: Config) -> Example:
    """The one example that the configuration asks for.

    Raises:
        UsageError: If it names no text.
        DataError: If the text cannot be read, or is longer than `max_chars`.
    """
    if config.text is not None:
        example = _of_text(config.text, label=config.label)
    elif config.file is not None:
        example = _of_file(config.file, label=config.label, max_chars=config.max_chars)
    else:
        example = _of_dataset(config)
    if len(example.text) > config.max_chars:
        raise _too_long(example.title, f"{len(example.text):,} characters,", config.max_chars)
    if config.model == "demo":
        return example
    return replace(example, name=f"{example.name}-{slug(Path(config.model).name or config.model) or 'model'}")


def _of_dataset(config: Config) -> Example:
    if config.dataset is None:
        raise UsageError("no text to read", hint=f"give one: {SOURCES}")
    if config.dataset != "demo":
        raise UsageError(f'dataset "{config.dataset}": the only one is the embedded "demo"', hint=f"read {SOURCES}")
    if config.label is not None:
        raise UsageError("--label goes with --text or --file", hint="documents of the demo carry their own label")
    example = demo_document(config.index or 0)
    # the labels of the documents are those of the model that is trained on them, and no other's
    return example if config.model == "demo" else replace(example, label=None)


def demo_document(index: int) -> Example:
    """One of the embedded documents, by its row in the split `test`."""
    # subtle: str.splitlines() would also break a row at U+2028 and other separators inside its strings
    content = (DEMO / "documents.jsonl").read_bytes()
    lines = content.decode().rstrip("\n").split("\n")
    if not 0 <= index < len(lines):
        raise DataError(
            f'example {index} is not in split "test" of demo: it has {len(lines)} rows (0-{len(lines) - 1})',
            hint=f"choose --index 0 to {len(lines) - 1}",
        )
    row = json.loads(lines[index])
    return Example(
        name=f"demo-{index}",
        title=row["title"],
        text=row["text"],
        label=row["label"],
        dataset="demo",
        split="test",
        index=index,
        revision=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )


def _of_text(text: str, *, label: str | None) -> Example:
    return _example(text, name="text", title="Text from the command line", label=label)


def _of_file(file: str, *, label: str | None, max_chars: int) -> Example:
    title = "Text from standard input" if file == "-" else clean(Path(file).name)
    content = _read(file, most=4 * max_chars + 4)  # UTF-8 takes 4 bytes at most; 3 are the byte order mark
    if len(content) == 4 * max_chars + 4:
        raise _too_long(title, "", max_chars)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{title}: not UTF-8 at byte {error.start}", hint="convert it: iconv -t UTF-8 FILE") from error
    name = "" if file == "-" else slug(Path(title).stem)
    example = _example(text, name=name or "text", title=title, label=label)
    return replace(example, file_sha256=hashlib.sha256(content).hexdigest())


def _read(file: str, *, most: int) -> bytes:
    """The first *most* bytes: a device may never end."""
    if file == "-":
        return sys.stdin.buffer.read(most)
    path = Path(file).expanduser() if file.startswith("~/") else Path(file)  # as `Config.command` writes it
    try:
        with path.open("rb") as opened:
            return opened.read(most)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}", hint="check the path given to --file") from error


def _example(text: str, *, name: str, title: str, label: str | None) -> Example:
    cleaned = clean(text)
    digest = hashlib.sha256(cleaned.encode()).hexdigest()[:10]
    return Example(
        name=f"{name}-{digest}",
        title=title,
        text=cleaned,
        replaced=len(UNPRINTABLE.findall(text)),
        label=label,
    )


def _too_long(title: str, counted: str, most: int) -> DataError:
    return DataError(
        " ".join(f"{title}: {counted} more than --max-chars {most:,}".split()),
        hint="raise --max-chars, or give a shorter text",
    )
