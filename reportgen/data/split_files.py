"""Find the files of a dataset on disk, split by split, and open them as a table.

File names give the splits: train.csv, my-test.jsonl, test-00000-of-00002.parquet; so do folders like train/ and test/.
The files of one split are joined in the order of their names. For text files, folders are the labels; text files
next to two or more such folders are taken for notes and not read.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reportgen.core.characters import clean
from reportgen.core.errors import DataError, RefusedError
from reportgen.core.files import disk
from reportgen.data.formats.foreign_files import refuse_no_rows
from reportgen.data.formats.json_rows import open_json
from reportgen.data.formats.table import DataTable
from reportgen.data.formats.text_formats import member, open_csv, open_texts, regular

FORMATS = {  # of files that hold rows, by suffix
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".tsv": "TSV",
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "JSON"),
}
PACKED = (".gz", ".zip")
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
READ = f"reportgen reads {', '.join(FORMATS)}, folders of these, folders of .txt, and folders of save_to_disk()"
METADATA = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")  # are no rows
MODELS = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json")
MISSING = "paths start at the current folder; names on the hub look like org/name"
SPLITS = {  # what files and folders are called, and the split that they are, as in `datasets`
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
HEAD = 2**20  # bytes that say what a file of another format is
SHARD = re.compile(r"(?P<split>[A-Za-z]\w*)-\d{5}-of-\d{5}(-\w+)?")


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one split, in order."""

    paths: tuple[Path, ...]
    labelled: bool = False  # whether they are texts, and their folders the labels

    def open(self) -> DataTable:
        """Their rows as a table.

        Raises:
            DataError: If they cannot be read.
        """
        kinds = sorted({_format(path) for path in self.paths})
        if len(kinds) > 1:
            raise DataError(
                f"{clean(self.paths[0].parent.name)}: holds {' and '.join(kinds)} files", hint="choose one of the files"
            )
        match kinds[0]:
            case "Parquet":
                from reportgen.data.formats.parquet import open_parquet

                return open_parquet(self.paths)
            case "JSON":
                return open_json(self.paths)
            case "text":
                return open_texts(self.paths, labelled=self.labelled)
        return open_csv(self.paths, delimiter="\t" if kinds[0] == "TSV" else ",")

    def sha256(self) -> str:
        """Hash of the file; of several, and of texts, of their hashes and names in order: a folder may be a label."""
        hashes = [disk.sha256(regular(path)) for path in self.paths]
        if len(hashes) == 1 and not self.labelled:
            return hashes[0]
        names = [f"{path.parent.name}/{path.name}" if self.labelled else path.name for path in self.paths]
        named = (f"{digest}  {name}\n" for digest, name in zip(hashes, names, strict=True))
        return hashlib.sha256("".join(named).encode(errors="surrogateescape")).hexdigest()


def find(path: Path) -> dict[str, Files]:
    """The files of a dataset by split, under "" without splits.

    Raises:
        DataError: If there is nothing to read.
        RefusedError: If there are only pickles or scripts.
        OSError: If a folder cannot be read.
    """
    if not path.is_dir():
        if not path.exists():
            raise _missing(path)
        refuse(clean(path.name), [path.name])
        if _format(path) == "text":
            raise DataError(f"{clean(path.name)}: this is one text, not a dataset", hint="read it with --file")
        return {_split(path): Files((path,))}
    folders = {SPLITS[one.name.lower()]: one for one in _inside(path) if one.is_dir() and one.name.lower() in SPLITS}
    found = {split: files for split, folder in folders.items() if (files := _files(folder)).paths}
    if found:
        return found
    if any((path / name).is_file() for name in MODELS):
        raise DataError(f"{clean(path.name)}: this is a model, not a dataset", hint="use it with --model")
    here = _files(path)
    if not here.paths and (path / "data").is_dir():  # where a clone of a dataset of the hub has them
        here = _files(path / "data")
    if not here.paths:
        name = clean(path.resolve().name)
        refuse(name, [one.name for one in _inside(path)])
        raise DataError(f"{name}: no readable files in this folder", hint=READ)
    return _by_split(here)


def refuse(name: str, files: Iterable[str]) -> None:
    """Check that a dataset is no pickle and no script.

    Raises:
        RefusedError: If one of its files is.
    """
    for file in files:
        if file.lower().endswith((".py", *PICKLES)):
            what = "a script" if file.endswith(".py") else "a pickle"
            raise RefusedError(
                f"{name}: {clean(file)} is {what}, and reading it would run its code",
                hint="convert the dataset to Parquet: Dataset.to_parquet() or DataFrame.to_parquet() writes it",
            )


def _missing(path: Path) -> DataError:
    parent = path.resolve().parent
    around = [one.name for one in parent.iterdir()] if parent.is_dir() else []
    near = difflib.get_close_matches(path.name, around, n=1)
    hint = f"did you mean {clean(near[0])}?" if near else MISSING
    if path.parts[:1] in (("http:",), ("https:",)):
        hint = "download it first, or give its name on the hub, like org/name"
    return DataError(f"{clean(str(path))}: no such file or folder", hint=hint)


def _inside(folder: Path) -> list[Path]:
    """The files of a folder, in order, without hidden files and metadata."""
    return sorted(one for one in folder.iterdir() if not one.name.startswith((".", "_")) and one.name not in METADATA)


def _files(folder: Path) -> Files:
    """The tables in a folder, or its texts."""
    inside = _inside(folder)
    tables = tuple(one for one in inside if _suffix(one.name) in FORMATS and not one.is_dir())
    if tables:
        return Files(tables)
    texts = tuple(one for one in inside if one.suffix.lower() == ".txt" and not one.is_dir())
    labels = {one: [text for text in _inside(one) if text.suffix.lower() == ".txt"] for one in inside if one.is_dir()}
    labels = {one: held for one, held in labels.items() if held}
    if len(labels) > 1 or (labels and not texts):
        return Files(tuple(text for held in labels.values() for text in held), labelled=True)
    if labels:
        raise DataError(
            f"{clean(folder.name)}: texts are here and in {clean(next(iter(labels)).name)}/",
            hint="choose one of the folders",
        )
    return Files(texts)


def _by_split(files: Files) -> dict[str, Files]:
    """The files, sorted into the splits that their names say; texts have names of their own."""
    if files.labelled or files.paths[0].suffix.lower() == ".txt":
        return {"": files}
    splits: dict[str, list[Path]] = defaultdict(list)
    for path in files.paths:
        splits[_split(path)].append(path)
    if len(splits) > 1 and "" in splits:
        other = next(path for split, paths in splits.items() if split for path in paths)
        raise DataError(
            f"{clean(splits[''][0].name)}: not named like a split, but {clean(other.name)} is",
            hint="choose one of the files, or move the others",
        )
    return {split: Files(tuple(paths)) for split, paths in splits.items()}


def _split(path: Path) -> str:
    """The split that the name of a file says; "" if none, or two."""
    stem = path.name[: path.name.lower().find(_suffix(path.name))]
    if shard := SHARD.fullmatch(stem):
        return shard["split"]
    found = {SPLITS[word] for word in re.split(r"[^a-z]+", stem.lower()) if word in SPLITS}
    return found.pop() if len(found) == 1 else ""


def _suffix(name: str) -> str:
    """The format of a file by its name, packed or not."""
    path = Path(name.lower())
    return path.with_suffix("").suffix if path.suffix in PACKED else path.suffix


def _format(path: Path) -> str:
    suffix = _suffix(path.name)
    if not suffix and path.suffix.lower() == ".zip":
        suffix = _suffix(member(path).filename)
    if suffix == ".txt":
        return "text"
    if suffix not in FORMATS:
        with regular(path).open("rb") as file:
            head = b"" if path.suffix.lower() in PACKED else file.read(HEAD)
        refuse_no_rows(head, path, form="")
        raise DataError(f"{clean(path.name)}: unsupported file format", hint=READ)
    if suffix == ".parquet" and path.suffix.lower() in PACKED:
        raise DataError(
            f"{clean(path.name)}: Parquet must be unpacked first", hint="Parquet files are already compressed"
        )
    return FORMATS[suffix]
