"""importance_file: read head importance from a file of any kind, and write what was measured."""

from __future__ import annotations

import io
import json
import random
import resource
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from safetensors.numpy import save as safetensors_bytes

from reportgen.core.errors import ImportanceError, OutputError, RefusedError, ReportgenError, UsageError
from reportgen.model.importance import importance_files
from reportgen.model.importance.importance_files import Importance

SHAPE = (3, 2)  # layers, heads
VALUES = np.array([[0.0, 0.25], [0.5, 1.0], [0.125, 0.75]], np.float32)


def test_uniform_importance_counts_every_head_once() -> None:
    """And says that it measures nothing."""
    found = importance_files.uniform(2, 3)
    assert found.values.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert found.measure == "none"


# loading what is sound


def npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def pt(content: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


SOUND: dict[str, tuple[str, bytes]] = {
    "safetensors": (".safetensors", safetensors_bytes({"head_importance": VALUES}, {"measure": "taylor", "n": "9"})),
    "one tensor of another name": (".safetensors", safetensors_bytes({"other": VALUES})),
    "npy": (".npy", npy(VALUES)),
    "npy in float64, column by column": (".npy", npy(np.asfortranarray(VALUES.astype(np.float64)))),
    "pt": (".pt", pt(torch.tensor(VALUES))),
    "pt in bfloat16, with gradient": (".PT", pt(torch.tensor(VALUES, dtype=torch.bfloat16, requires_grad=True))),
    "pth, old format": (".pth", pt(torch.tensor(VALUES), _use_new_zipfile_serialization=False)),
    "bin with a name": (".bin", pt({"head_importance": torch.tensor(VALUES), "other": torch.zeros(1)})),
    "json": (".json", json.dumps(VALUES.tolist()).encode()),
    "json with a name": (".json", json.dumps({"measure": "taylor", "head_importance": VALUES.tolist()}).encode()),
    "csv": (".csv", b"0,0.25\n0.5,1\n\n0.125,0.75\n"),
    "csv with byte order mark": (".csv", b"\xef\xbb\xbf0,0.25\r\n0.5,1\r\n0.125,0.75"),
}


def write(folder: Path, suffix: str, content: bytes) -> Path:
    path = folder / f"importance{suffix}"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("suffix", "content"), SOUND.values(), ids=SOUND.keys())
def test_every_kind_of_file_gives_the_same_values(tmp_path: Path, suffix: str, content: bytes) -> None:
    found = importance_files.load(write(tmp_path, suffix, content), shape=SHAPE)
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.values.dtype == np.float32
    assert found.source == f"importance{suffix}"


def test_a_file_that_names_no_measure_says_so(tmp_path: Path) -> None:
    assert importance_files.load(write(tmp_path, ".npy", npy(VALUES)), shape=SHAPE).measure == "from file"


@pytest.mark.parametrize("values", [-VALUES, np.zeros(SHAPE)], ids=["negative", "all zero"])
def test_negative_and_zero_importance_is_read_as_it_is(tmp_path: Path, values: np.ndarray) -> None:
    """Both are warnings of the report, not errors of the file."""
    np.testing.assert_array_equal(
        importance_files.load(write(tmp_path, ".npy", npy(values)), shape=SHAPE).values, values
    )


# writing


def measured(values: np.ndarray, raw: np.ndarray | None = None) -> Importance:
    return Importance(values, values.astype(np.float64) * 7 if raw is None else raw, measure="ablation", examples=40)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**16))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example overwrites the one file
def test_what_is_saved_comes_back_equal(tmp_path: Path, layers: int, heads: int, seed: int) -> None:
    """The weights, unless the raw figures are asked for; with everything that was said about them."""
    values = np.random.default_rng(seed).random((layers, heads)).astype(np.float32).T.copy().T  # any memory order
    raw = -np.random.default_rng(seed).random((layers, heads))
    path = tmp_path / "saved.safetensors"
    importance_files.save(path, measured(values, raw), {"data": "demo", "created": "2026-01-01"})
    found = importance_files.load(path, shape=(layers, heads))
    np.testing.assert_array_equal(found.values, values)
    assert found.measure == "ablation"
    assert found.provenance == {"data": "demo", "created": "2026-01-01", "examples": "40"}
    found = importance_files.load(path, shape=(layers, heads), key="raw")
    np.testing.assert_allclose(found.values, raw, rtol=1e-6)


def test_a_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    """The library's own would be for its owner only."""
    importance_files.save(tmp_path / "x.safetensors", measured(VALUES), {})
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "x.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_raw_figures_are_kept_in_double_precision(tmp_path: Path) -> None:
    raw = np.array([[1 + 1e-12, -1e-300]])
    importance_files.save(tmp_path / "raw.safetensors", measured(np.zeros((1, 2), np.float32), raw), {})
    np.testing.assert_array_equal(load_file(tmp_path / "raw.safetensors")["raw"], raw)


@pytest.mark.parametrize("name", ["heads.npy", "heads.csv", "heads", "heads.pt"])
def test_only_safetensors_are_written(tmp_path: Path, name: str) -> None:
    """The others have no room for where the figures come from; exit code 2."""
    with pytest.raises(UsageError, match=f"{name}: the file name must end in .safetensors") as caught:
        importance_files.save(tmp_path / name, measured(VALUES), {})
    assert caught.value.exit_code == 2
    assert "heads.safetensors" in str(caught.value.hint)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    """Exit code 7, the old file whole, and nothing beside it; RLIMIT_FSIZE stands for a full disk."""
    path = tmp_path / "heads.safetensors"
    importance_files.save(path, measured(VALUES), {})
    before = path.read_bytes()
    large = np.zeros((1000, 1000), np.float32)
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, allowed[1]))
        with pytest.raises(OutputError, match=r"heads\.safetensors: .*File too large") as caught:
            importance_files.save(path, measured(large), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
        signal.signal(signal.SIGXFSZ, ignored)
    assert caught.value.exit_code == 7
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# files that do not fit


@pytest.mark.parametrize(
    ("shape", "got"),
    [
        ((2, 3), "got 2x3"),
        ((3, 1), "got 3x1"),
        ((6,), "got 6,"),
        ((1, 3, 2), "got 1x3x2"),
        ((), "got one number"),
        ((0, 2), "got 0x2"),
    ],
)
def test_the_wrong_shape_is_refused_with_both_shapes(tmp_path: Path, shape: tuple[int, ...], got: str) -> None:
    """Never broadcast, squeezed or turned; exit code 5."""
    with pytest.raises(ImportanceError, match=f"{got}.* the model has 3 layers x 2 heads") as caught:
        importance_files.load(write(tmp_path, ".npy", npy(np.ones(shape, np.float32))), shape=SHAPE)
    assert caught.value.exit_code == 5
    assert ("transposed" in str(caught.value.hint)) == (shape == (2, 3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_are_refused_with_their_cells(tmp_path: Path, value: float) -> None:
    """Counted from 1, as people do; 1e300 does not fit float32."""
    values = VALUES.astype(np.float64)
    values[2, 1] = values[0, 0] = value
    with pytest.raises(ImportanceError, match="not a finite number at layer 1 head 1, layer 3 head 2"):
        importance_files.load(write(tmp_path, ".npy", npy(values)), shape=SHAPE)


@pytest.mark.parametrize("dtype", ["U3", "S3", "complex64", "datetime64[s]", "i4,i4"])
def test_what_is_not_numbers_is_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(ImportanceError, match="not numbers"):
        importance_files.load(write(tmp_path, ".npy", npy(np.zeros(SHAPE, dtype))), shape=SHAPE)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".json"])
def test_a_file_of_several_tensors_lists_them_and_takes_the_one_asked_for(tmp_path: Path, suffix: str) -> None:
    content = {
        ".safetensors": lambda: safetensors_bytes({"first": VALUES, "second": VALUES * 2}),
        ".pt": lambda: pt({"first": torch.tensor(VALUES), "second": torch.tensor(VALUES * 2)}),
        ".json": lambda: json.dumps({"first": VALUES.tolist(), "second": (VALUES * 2).tolist()}).encode(),
    }[suffix]()
    path = write(tmp_path, suffix, content)
    with pytest.raises(ImportanceError, match=r"2 tensors \(first, second\)") as caught:
        importance_files.load(path, shape=SHAPE)
    assert "--importance-key" in str(caught.value.hint)
    np.testing.assert_array_equal(importance_files.load(path, shape=SHAPE, key="second").values, VALUES * 2)
    with pytest.raises(ImportanceError, match='no "third"; it has first, second'):
        importance_files.load(path, shape=SHAPE, key="third")


def test_a_file_that_is_not_there_or_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportanceError, match="No such file") as caught:
        importance_files.load(tmp_path / "none.npy", shape=SHAPE)
    assert caught.value.exit_code == 5
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(ImportanceError, match="directory"):
        importance_files.load(tmp_path / "folder.npy", shape=SHAPE)
    with pytest.raises(ImportanceError, match="unknown file format") as caught:
        importance_files.load(write(tmp_path, ".pkl", b""), shape=SHAPE)
    assert ".safetensors" in str(caught.value.hint)


def test_the_message_on_a_wrong_shape_is_the_one_a_person_needs(tmp_path: Path) -> None:
    """A head too few, and layers for heads, for a model of the usual size."""
    for shape, fact in (((12, 11), "got 12x11"), ((16, 24), "got 16x24")):
        model = (12, 12) if shape[0] == 12 else (24, 16)
        with pytest.raises(ImportanceError, match=f"{fact}, the model has {model[0]} layers x {model[1]} heads"):
            importance_files.load(write(tmp_path, ".npy", npy(np.ones(shape, np.float32))), shape=model)


def test_a_file_beyond_the_cap_is_not_read(tmp_path: Path) -> None:
    """A sparse file of 200 MB takes no room and no time."""
    for suffix in importance_files.READERS:
        path = tmp_path / f"large{suffix}"
        with path.open("wb") as file:
            file.truncate(200 * 2**20)
        with pytest.raises(ImportanceError, match="209,715,200 bytes, at most 67,108,864 are read"):
            importance_files.load(path, shape=SHAPE)


# files that would run code


class Payload:
    """Unpickling it creates the file *canary*."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.canary,)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize("key", [None, "head_importance", "other"])
@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_a_pickle_that_would_run_code_is_refused(
    tmp_path: Path, canary: Path, suffix: str, key: str | None, new_format: bool, whole: bool
) -> None:
    """With every option; exit code 9 and how to convert it. The canary fixture checks that nothing ran."""
    payload = Payload(canary)
    content = payload if whole else {"head_importance": torch.tensor(VALUES), "other": payload}
    path = write(tmp_path, suffix, pt(content, _use_new_zipfile_serialization=new_format))
    with pytest.raises(RefusedError, match="would run code") as caught:
        importance_files.load(path, shape=SHAPE, key=key)
    assert caught.value.exit_code == 9
    assert ".safetensors or .npy" in str(caught.value.hint)


def test_npy_with_python_objects_is_refused(tmp_path: Path, canary: Path) -> None:
    """Exit code 9; also when the objects hide in a field of a structured type."""
    objects = np.empty(SHAPE, dtype=object)
    objects[:] = Payload(canary)
    hidden = np.zeros(SHAPE, dtype=[("a", "f4"), ("b", "O")])
    hidden["b"] = Payload(canary)
    for array in (objects, hidden):
        with pytest.raises(RefusedError, match="holds Python objects") as caught:
            importance_files.load(write(tmp_path, ".npy", npy(array)), shape=SHAPE)
        assert caught.value.exit_code == 9


# files of torch that are not one tensor


def test_torchscript_a_module_and_other_objects_are_no_tensors(tmp_path: Path) -> None:
    """Exit code 5 with what to save instead."""
    script = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), script)
    several = pt([torch.tensor(VALUES), torch.tensor(VALUES)])
    module = pt(torch.nn.Linear(2, 2))
    for content in (script.getvalue(), module, several, pt("text"), pt({"a": 1}), pt(torch.tensor(VALUES).to_sparse())):
        with pytest.raises(ImportanceError) as caught:
            importance_files.load(write(tmp_path, ".pt", content), shape=SHAPE)
        assert caught.value.exit_code == 5
    with pytest.raises(ImportanceError, match="holds a TorchScript program, not a tensor"):
        importance_files.load(write(tmp_path, ".pt", script.getvalue()), shape=SHAPE)
    with pytest.raises(ImportanceError, match="holds a whole module"):
        importance_files.load(write(tmp_path, ".pt", module), shape=SHAPE)
    with pytest.raises(ImportanceError, match="holds a list, not a tensor") as caught:
        importance_files.load(write(tmp_path, ".pt", several), shape=SHAPE)
    assert caught.value.hint == importance_files.ONE_TENSOR


def test_a_tensor_that_only_claims_to_be_large_is_refused(tmp_path: Path) -> None:
    """One stored number, seen as 10^12: converting it would take 4 TB."""
    view = torch.zeros(1, dtype=torch.float64).expand(10**6, 10**6)
    with pytest.raises(ImportanceError, match="1000000, 1000000"):
        importance_files.load(write(tmp_path, ".pt", pt(view)), shape=SHAPE)


def test_a_file_of_torch_that_unpacks_to_more_than_the_cap_is_not_unpacked(tmp_path: Path) -> None:
    """Torch packs none of its own, but unpacks what is packed: 80 MB out of 80 KB here, any number elsewhere."""
    path = tmp_path / "importance.pt"
    with zipfile.ZipFile(io.BytesIO(pt(torch.tensor(VALUES)))) as plain, zipfile.ZipFile(path, "w") as packed:
        for entry in plain.infolist():
            content = bytes(80 * 2**20) if entry.filename.endswith("data/0") else plain.read(entry)
            packed.writestr(entry.filename, content, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(ImportanceError, match="bytes when unpacked is too large"):
        importance_files.load(path, shape=SHAPE)


# damaged files


def npy_header(text: str, version: bytes = b"\x01\x00") -> bytes:
    """An .npy file of 136 bytes at most whose header says *text*."""
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text.encode() + b"\0" * 24


def safetensors_header(header: object, size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + b"\0" * 24


DAMAGED: dict[str, tuple[str, bytes]] = {
    "npy of nothing": (".npy", b""),
    "npy cut off": (".npy", npy(VALUES)[:-1]),
    "npy with more behind": (".npy", npy(VALUES) + b"x"),
    "npy claims 20 GB": (".npy", npy_header("{'descr':'<f4','fortran_order':False,'shape':(50000,100000)}")),
    "npy claims 20 GB of objects": (".npy", npy_header("{'descr':'|O','fortran_order':False,'shape':(50000,50000)}")),
    "npy claims beyond 64 bits": (".npy", npy_header("{'descr':'<f4','fortran_order':False,'shape':(2**70,)}")),
    "npy of negative shape": (".npy", npy_header("{'descr':'<f4','fortran_order':False,'shape':(-3,-2)}")),
    "npy without shape": (".npy", npy_header("{'descr':'<f4'}")),
    "npy with code for a header": (".npy", npy_header("__import__('os').getpid()")),
    "npy with an open bracket": (".npy", npy_header("{'descr':(((")),
    "npy of another version": (".npy", npy_header("{}", b"\x09\x00")),
    "zip named npy": (".npy", b"PK\x03\x04" + b"\0" * 100),
    "safetensors of nothing": (".safetensors", b""),
    "safetensors cut off": (".safetensors", SOUND["safetensors"][1][:-1]),
    "safetensors with a header of 100 MB": (".safetensors", safetensors_header({}, 100 * 2**20)),
    "safetensors with a header of 2^63": (".safetensors", safetensors_header({}, 2**63)),
    "safetensors that overlap": (
        ".safetensors",
        safetensors_header(
            {n: {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]} for n in ("a", "head_importance")}
        ),
    ),
    "safetensors beyond the end": (
        ".safetensors",
        safetensors_header({"a": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 2400]}}),
    ),
    "safetensors without a tensor": (".safetensors", safetensors_bytes({})),
    "json a million deep": (".json", b"[" * 1_000_000),
    "json a million deep and closed": (".json", b"[" * 1_000_000 + b"]" * 1_000_000),
    "json with NaN": (".json", b"[[NaN,1],[1,1],[1,1]]"),
    "json with Infinity": (".json", b"[[1,1],[1,-Infinity],[1,1]]"),
    "json with a number too large": (".json", b"[[1" + b"0" * 400 + b",1],[1,1],[1,1]]"),
    "json with a number too long": (".json", b"[[1" + b"0" * 5000 + b",1],[1,1],[1,1]]"),
    "json with null": (".json", b"[[null,1],[1,1],[1,1]]"),
    "json with gaps": (".json", b"[[1,1],[1],[1,1]]"),
    "json of text": (".json", b'"abc"'),
    "json without a table": (".json", b"{}"),
    "json cut off": (".json", b"[[1,1"),
    "json in UTF-16": (".json", json.dumps(VALUES.tolist()).encode("utf-16")),
    "csv with a heading": (".csv", b"head1,head2\n0,1\n1,1\n"),
    "csv with NUL": (".csv", b"0,1\n\0,1\n1,1\n"),
    "csv with gaps": (".csv", b"0,1\n1\n1,1\n"),
    "csv with nan": (".csv", b"nan,1\n1,1\n1,1\n"),
    "csv in Latin-1": (".csv", b"0,\xe9\n"),
    "csv of nothing": (".csv", b""),
    "csv of one huge field": (".csv", b"1" * 200_000),
    "pt of nothing": (".pt", b""),
    "pt cut off": (".pt", SOUND["pt"][1][:-100]),
    "pt of text": (".pt", b"this is no file of torch"),
    "old pt cut off": (".pth", SOUND["pth, old format"][1][:-10]),
}


@pytest.mark.parametrize(("suffix", "content"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_an_importance_error(tmp_path: Path, suffix: str, content: bytes) -> None:
    """One line that names the file, exit code 5, whatever the damage. What may hold a pickle may be refused."""
    with pytest.raises(ReportgenError, match=f"importance{suffix}") as caught:
        importance_files.load(write(tmp_path, suffix, content), shape=SHAPE)
    pickled = suffix in (".pt", ".pth") or b"'|O'" in content
    assert caught.value.exit_code == 5 or (pickled and caught.value.exit_code == 9)


@pytest.mark.parametrize(("suffix", "content"), SOUND.values(), ids=SOUND.keys())
def test_random_damage_never_escapes_as_another_error(tmp_path: Path, suffix: str, content: bytes) -> None:
    """Bytes changed, cut or added at random: read, or refused; nothing else, however the libraries stumble."""
    rng = random.Random(0)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 5])):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        if rng.random() < 0.3:
            del damaged[rng.randrange(1, len(damaged)) :]
        try:
            found = importance_files.load(write(tmp_path, suffix, bytes(damaged)), shape=SHAPE)
        except (ImportanceError, RefusedError):
            continue
        assert np.isfinite(found.values).all()
        assert found.values.shape == SHAPE


def test_json_that_only_python_reads_is_no_json(tmp_path: Path) -> None:
    """NaN has no place in JSON; the message says so instead of counting cells."""
    with pytest.raises(ImportanceError, match="NaN is not a number of JSON"):
        importance_files.load(write(tmp_path, *DAMAGED["json with NaN"]), shape=SHAPE)


CHILD = """
import resource, sys
from pathlib import Path
import numpy, safetensors
from reportgen.model.importance import importance_files
from reportgen.core.errors import ImportanceError, RefusedError

used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 50 * 2**20,) * 2)
for name in sys.argv[1:]:
    try:
        importance_files.load(Path(name), shape=(3, 2))
    except (ImportanceError, RefusedError):
        print("refused")
"""


def test_claims_of_gigabytes_take_no_memory(tmp_path: Path) -> None:
    """Read in a process that may not grow by more than 50 MB: refused all the same, not killed."""
    claims = (
        "npy claims 20 GB",
        "npy claims 20 GB of objects",
        "safetensors with a header of 100 MB",
        "safetensors beyond the end",
    )
    names: list[str] = []
    for claim in claims:
        suffix, content = DAMAGED[claim]
        names.append(str(tmp_path / f"{claim}{suffix}"))
        Path(names[-1]).write_bytes(content)
    done = subprocess.run([sys.executable, "-c", CHILD, *names], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["refused"] * len(claims), done.stderr


@pytest.mark.parametrize(("name", "content"), [("a.json", "[[1, 2], [3]]"), ("a.csv", "1,2\n3\n")])
def test_rows_of_different_lengths_are_an_error_in_plain_words(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ImportanceError, match=r"numbers: rows of 1 and of 2 values"):
        importance_files.load(tmp_path / name, shape=(2, 2))
