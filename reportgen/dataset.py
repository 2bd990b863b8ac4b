"""Turn a source and a choice into one `Example`: the embedded documents, a file, or a text.

Text is cleaned here, once, one character for one, so that every offset still points into the text as it came.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

from reportgen.characters import UNPRINTABLE, clean
from reportgen.config import DEMO, Config
from reportgen.errors import DataError
from reportgen.records import Example


def choose(config: Config) -> Example:
    """The one example that the configuration asks for.

    Raises:
        DataError: If it cannot be read, or is longer than `max_chars`.
    """
    if config.text is not None:
        example = _of_text(config.text, label=config.label)
    elif config.file is not None:
        example = _of_file(config.file, label=config.label)
    else:
        example = demo_document(config.index or 0)
    if len(example.text) > config.max_chars:
        raise DataError(
            f"{example.title}: {len(example.text):,} characters, more than --max-chars {config.max_chars:,}",
            hint="raise --max-chars, or give a shorter text",
        )
    return example


def demo_document(index: int) -> Example:
    """One of the embedded documents, by its row in the split `test`."""
    # subtle: str.splitlines() would also break a row at U+2028 and other separators inside its strings
    lines = (DEMO / "documents.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
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
    )


def _of_text(text: str, *, label: str | None) -> Example:
    return _example(text, name="text", title="Text from the command line", label=label)


def _of_file(file: str, *, label: str | None) -> Example:
    if file == "-":
        title, content = "Text from standard input", sys.stdin.buffer.read()
    else:
        path = Path(file).expanduser() if file.startswith("~/") else Path(file)  # as `Config.command` writes it
        title = clean(path.name)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{file}: {error.strerror}", hint="check the path given to --file") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{title}: not UTF-8 at byte {error.start}", hint="convert it: iconv -t UTF-8 FILE") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    slug = re.sub(r"[^a-z0-9]+", "-", Path(title).stem.lower()).strip("-")[:40] if file != "-" else ""
    return _example(text, name=slug or "text", title=title, label=label)


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
