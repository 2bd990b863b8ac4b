"""cli: options -> a configuration; results, errors and exit codes -> the terminal."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from reportgen import cli, pipeline
from reportgen.cli.options import configure
from reportgen.core import presets
from reportgen.core.config import Config
from reportgen.core.errors import UsageError
from reportgen.core.nouns.records import Report, ReportWarning
from reportgen.report.stored import store
from tests import reports

OPTIONS = {"--" + field.name.replace("_", "-") for field in fields(Config)}
OTHERS = {"--verbose", "--quiet", "--json", "--help", "-o", "-v", "-q", "-h"}


def call(*arguments: str, **settings: Any) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli.main, list(arguments), **settings)


def run(*arguments: str, **settings: Any) -> Result:
    """Run `reportgen run`."""
    return call("run", *arguments, **settings)


@pytest.fixture
def tiny_run(folder: Path, here: Path) -> tuple[str, ...]:
    """Arguments of a run that takes a moment and writes to `out`."""
    return ("--model", str(folder), "--text", "Two words", "--format", "tables", "--top-k", "2", "-o", "out")


def fails(result: Result, code: int, *words: str) -> None:
    """One line of error with *words*, at most one of hint, the exit code, and no traceback."""
    lines = result.stderr.splitlines()
    assert result.exit_code == code, result.output
    assert lines[0].startswith("error: "), lines
    assert all(word in lines[0] for word in words), lines
    assert [line.split(":")[0] for line in lines[1:]] in ([], ["hint"])
    assert "Traceback" not in result.output
    assert result.stdout == ""


# --- help ---------------------------------------------------------------------------------------------------------


def test_help_names_the_command() -> None:
    for flag in ("--help", "-h"):
        result = call(flag)
        assert result.exit_code == 0
        assert "run" in result.stdout
        assert "--debug" in result.stdout


def test_help_of_run_lists_every_option() -> None:
    listed = run("--help").stdout
    for option in OPTIONS | OTHERS:
        assert any(option in line.replace(",", " ").split() for line in listed.splitlines()), option


def test_every_option_is_a_field_and_every_field_an_option() -> None:
    """A default that no option reaches, or an option that reaches nothing, is a mistake."""
    taken = {parameter.name for parameter in cli.run.params} - {"verbose", "quiet", "as_json", "help"}
    assert taken == {field.name for field in fields(Config)}
    assert all(parameter.help for parameter in cli.run.params if hasattr(parameter, "help"))


def test_the_version_is_told() -> None:
    assert call("--version").stdout == "reportgen, version 0.1.0\n"


# --- a run --------------------------------------------------------------------------------------------------------


def test_a_run_tells_the_result_and_the_path_last(tiny_run: tuple[str, ...], here: Path) -> None:
    result = run(*tiny_run, "--label", "left")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    report = store.load(here / "out")
    said = report.prediction
    wanted = f"{said.labels[said.predicted]} ({said.probabilities[said.predicted]:.1%}), {said.verdict}"
    assert lines == [f"Text from the command line: {wanted}", "out"]
    assert result.stderr == "device: CPU\n"


def test_verbose_tells_each_stage_once(tiny_run: tuple[str, ...]) -> None:
    """Though layers are converted one by one."""
    told = [line for line in run(*tiny_run, "--verbose").stderr.splitlines() if line.endswith(" ...")]
    assert told
    assert len(told) == len(set(told))


def test_a_preset_without_a_text_reads_none(here: Path) -> None:
    """It holds a model of somebody else's, and nobody asked for a document of the demo."""
    (here / "mine.toml").write_text('model = "tiny/lf"\n')
    fails(run("--preset", "mine.toml"), 2, "no text to read")
    (here / "mine.toml").write_text('dataset = "imdb"\nindex = 3\n')
    fails(run("--preset", "mine.toml"), 8, "imdb")


def test_another_model_reads_the_demo_without_a_gold_label(folder: Path, here: Path) -> None:
    arguments = ("--model", str(folder), "--max-length", "20", "--format", "tables", "--top-k", "2")
    result = run("--preset", "demo", "--index", "1", *arguments)
    assert result.exit_code == 0, result.output
    (made,) = (here / "reports").glob("demo-1-model-*")
    report = store.load(made)
    assert (report.prediction.gold, report.prediction.gold_text) == (None, None)


def test_a_label_of_endless_digits_is_no_label(tiny_run: tuple[str, ...]) -> None:
    """int() refuses thousands of digits with an error of its own."""
    result = run(*tiny_run, "--label", "9" * 10_000)
    assert result.exit_code == 2, result.output
    assert f"error: --label {'9' * 37}...: the model has no such label\nhint: it has left, right\n" in result.stderr


@pytest.mark.parametrize("length", [239, 240, 300, 5000])
def test_a_long_name_of_the_folder_is_taken_or_an_output_error(
    length: int, tiny_run: tuple[str, ...], here: Path
) -> None:
    """File systems take names of 255 bytes; the hidden folder beside it has 16 more than the report."""
    result = run(*tiny_run[:-1], "x" * length)
    if length == 239:
        assert result.exit_code == 0, result.output
        assert run(*tiny_run[:-1], "x" * length, "--overwrite").exit_code == 0
    else:
        fails(result, 7, "File name too long")


def test_a_long_name_of_a_model_is_a_model_error(here: Path) -> None:
    fails(run("--model", "x" * 5000, "--text", "x"), 4)
    fails(run("--model", "./" + "x" * 5000, "--text", "x"), 4, "no such folder")


def test_memory_that_runs_out_anywhere_is_a_device_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pipeline, "run", full)
    fails(run("--text", "x"), 6, "out of memory")


def test_a_text_of_ones_own_replaces_that_of_the_preset(tmp_path: Path) -> None:
    """With its label; another kind of source, too."""
    preset = tmp_path / "mine.toml"
    preset.write_text('model = "m"\ntext = "theirs"\nlabel = "left"\n')
    config = parsed("--preset", str(preset), "--file", "mine.txt")
    assert (config.text, config.file, config.label) == (None, "mine.txt", None)
    assert parsed("--preset", str(preset), "--label", "right").label == "right"


def test_the_path_of_the_page_is_told_where_there_is_one(tiny_run: tuple[str, ...]) -> None:
    result = run(*tiny_run, "--format", "html")
    assert result.stdout.splitlines()[-1] == "out/report.html"


def test_a_verbose_run_tells_what_the_bytes_of_its_page_are_spent_on(tiny_run: tuple[str, ...], here: Path) -> None:
    result = run(*tiny_run, "--format", "html", "--max-html-mb", "0.2", "-v")
    line = next(line for line in result.stderr.splitlines() if line.startswith("report.html: "))
    size = (here / "out" / "report.html").stat().st_size / 1e6
    assert line.startswith(f"report.html: {size:.2f} MB (bundle 0.41, ")
    assert "scripts 0." in line
    assert any(warned.startswith("warning: The page has ") for warned in result.stderr.splitlines())
    assert "report.html: " not in run(*tiny_run, "--format", "html", "--overwrite").stderr


@pytest.mark.parametrize("language", ["english", "e", "de_DE", "<b>", ""])
def test_a_language_has_a_code(language: str, tiny_run: tuple[str, ...]) -> None:
    fails(run(*tiny_run, "--language", language), 2, "--language")


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf"])
def test_a_limit_of_the_page_is_a_number_above_0(limit: str, tiny_run: tuple[str, ...]) -> None:
    fails(run(*tiny_run, "--max-html-mb", limit), 2, "--max-html-mb")


def test_quiet_tells_the_path_alone(tiny_run: tuple[str, ...]) -> None:
    result = run(*tiny_run, "--quiet")
    assert (result.stdout, result.stderr) == ("out\n", "")


def test_json_is_one_object(tiny_run: tuple[str, ...]) -> None:
    result = run(*tiny_run, "--json", "--label", "left")
    said = json.loads(result.stdout)
    assert said["report"] == "out"
    assert said["predicted"] in ("left", "right")
    assert said["verdict"] == ("right" if said["predicted"] == "left" else "wrong")
    assert (said["gold"], said["tokens"] > 2, said["device"], said["warnings"]) == ("left", True, "cpu", [])
    assert 0 < said["probability"] <= 1
    assert "inference" in said["seconds"]


def test_verbose_tells_the_stages_on_stderr(tiny_run: tuple[str, ...]) -> None:
    result = run(*tiny_run, "--verbose")
    assert "load ..." in result.stderr.splitlines()
    assert "inference 0." in result.stderr
    assert "load" not in result.stdout


def test_warnings_go_to_stderr_and_are_no_failure(tiny_run: tuple[str, ...], here: Path) -> None:
    result = run(*tiny_run, "--max-length", "4")
    assert result.exit_code == 0
    assert "warning: The text is too long: the model read the first 4 of" in result.stderr
    assert "warning" not in result.stdout


def test_quiet_does_not_hide_warnings(tiny_run: tuple[str, ...]) -> None:
    assert run(*tiny_run, "--max-length", "4", "-q").stderr.startswith("warning: ")


def test_strict_turns_warnings_into_a_failure_after_writing(tiny_run: tuple[str, ...], here: Path) -> None:
    result = run(*tiny_run, "--max-length", "4", "--strict")
    assert result.exit_code == 10
    assert "error: 1 warning" in result.stderr.splitlines()
    assert store.load(here / "out").warnings
    assert run(*tiny_run, "--overwrite", "--strict").exit_code == 0


def test_a_file_and_standard_input_are_read(tiny_run: tuple[str, ...], here: Path) -> None:
    (here / "paper.txt").write_text("From a file")
    model = tiny_run[:2]
    short = (*model, "--format", "tables", "--top-k", "2")
    assert run(*short, "--file", "paper.txt", "-o", "one").exit_code == 0
    assert store.load(here / "one").example.text == "From a file"
    assert run(*short, "--file", "-", "-o", "two", input="From standard input").exit_code == 0
    assert store.load(here / "two").example.text == "From standard input"


def test_odd_bytes_of_the_command_line_are_no_bug(tiny_run: tuple[str, ...], here: Path) -> None:
    """An argument that is not UTF-8 comes as lone surrogates."""
    result = run(*tiny_run[:2], "--text", "a \udcff b", *tiny_run[4:])
    assert result.exit_code == 0, result.output
    assert store.load(here / "out").example.text == "a \ufffd b"


# --- exit codes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "nope"], ['no preset "nope"']),
        (["--text", "x", "--file", "y"], ["--text and --file"]),
        (["--text", "x", "--index", "1"], ["--text and --index"]),
        (["--file", "x", "--index", "1"], ["--file and --index"]),
        (["--pick", "tp", "--id", "a"], ["--id and --pick"]),
        (["--pick", "best"], ["--pick best", "tp, tn, fp, fn"]),
        (["--pick", "random:left"], ["--pick random:left"]),
        (["--pick", "tp:"], ["--pick tp:"]),
        (["--text", "x", "--split", "test"], ["--split needs a dataset, not --text"]),
        (["--file", "x", "--dataset", "y"], ["--file and --dataset"]),
        (["--dataset", "x.csv", "--index", "1"], ["--dataset needs a model"]),
        (["--index", "1", "--limit", "5"], ["--limit needs --pick"]),
        (["--long", "fold"], ["--long fold", "truncate, window"]),
        (["--stride", "9"], ["--stride needs --long window"]),
        (["--model", "m", "--dataset", "x.csv", "--label", "a"], ["--label needs --text or --file"]),
        (["--label", "left"], ["--label needs"]),
        (["--model", "m"], ["--model needs a text"]),
        (["--text", "x", "--format", "html,docx"], ["docx"]),
        (["--text", "x", "--format", ","], ["--format"]),
        (["--text", "x", "--global-tokens", "first"], ["--global-tokens"]),
        (["--text", "x", "--global-tokens", "-1"], ["--global-tokens"]),
        (["--text", "x", "--global-tokens", "9" * 9999], ["--global-tokens"]),
        (["--text", "x", "--labels", "a,a"], ["--labels a,a", "label names must differ"]),
        (["--text", "x", "--labels", "a,,b"], ["--labels"]),
        (["-o", ""], ["--output", "empty"]),
        (["--top-k", "0"], ["--top-k 0"]),
        (["--colour-scale", "loud"], ["--colour-scale loud", "linear, rank, log"]),
        (["--dtype", "int8"], ["--dtype int8"]),
        (["--seed", str(2**64)], ["--seed"]),
        (["--max-chars", str(10**30)], ["--max-chars"]),
        (["--attention-window", str(10**30)], ["--attention-window"]),
        (["--index", "1", "--label", "x"], ["--label needs"]),
    ],
)
def test_what_contradicts_itself_is_wrong_usage(arguments: list[str], words: list[str], here: Path) -> None:
    fails(run(*arguments), 2, *words)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["--top-k", "many"], ["--index", "1.5"], ["--seed", "9" * 9999], ["--wat"], ["x"]],
)
def test_values_that_no_option_takes_are_wrong_usage(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_missing_file_is_an_input_error(here: Path) -> None:
    fails(run("--model", "m", "--file", "nowhere.txt"), 3, "nowhere.txt", "No such file")


def test_a_text_that_is_too_long_is_an_input_error(here: Path) -> None:
    fails(run("--text", "abc", "--max-chars", "2"), 3, "3 characters")


def test_a_missing_model_is_a_model_error(here: Path) -> None:
    fails(run("--model", "./nowhere", "--text", "x"), 4, "./nowhere", "no such folder")
    assert list(here.iterdir()) == []


def test_importance_of_the_wrong_shape_is_an_importance_error(tiny_run: tuple[str, ...], here: Path) -> None:
    np.save("heads.npy", np.ones((12, 11), np.float32))
    fails(run(*tiny_run, "--importance", "heads.npy"), 5, "heads.npy", "12x11", "2 layers x 2 heads")
    assert not (here / "out").exists()


def test_cuda_without_a_gpu_is_a_device_error(tiny_run: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    fails(run(*tiny_run, "--device", "cuda"), 6, "cuda")


def test_a_report_that_stands_there_is_an_output_error(tiny_run: tuple[str, ...], here: Path) -> None:
    assert run(*tiny_run).exit_code == 0
    before = (here / "out" / "manifest.json").read_bytes()
    fails(run(*tiny_run), 7, "out already contains a report")
    assert (here / "out" / "manifest.json").read_bytes() == before
    assert run(*tiny_run, "--overwrite").exit_code == 0


def test_something_else_that_stands_there_is_never_overwritten(tiny_run: tuple[str, ...], here: Path) -> None:
    (here / "out").mkdir()
    (here / "out" / "thesis.tex").write_text("mine")
    fails(run(*tiny_run, "--overwrite"), 7, "other files than a report")
    assert (here / "out" / "thesis.tex").read_text() == "mine"


def test_a_model_that_brings_code_is_refused(tiny_run: tuple[str, ...], folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "evil.Model"}}))
    fails(run(*tiny_run), 9, "auto_map")


def test_an_error_that_nobody_foresaw_is_one_line(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(pipeline, "run", broken)
    result = run("--text", "x")
    fails(result, 70, "RuntimeError: first line second line")
    assert "--debug" in result.stderr


def test_debug_shows_where(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("deep inside")

    monkeypatch.setattr(pipeline, "run", broken)
    result = call("--debug", "run", "--text", "x")
    assert isinstance(result.exception, RuntimeError)
    assert result.exception.__cause__ is None  # a traceback of one error


def test_an_interrupt_says_that_nothing_was_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupted)
    result = run("--text", "x")
    assert (result.exit_code, result.stdout) == (130, "")
    assert "interrupted" in result.stderr


WAITING = """
import sys, time
from reportgen import cli, pipeline
def waiting(*_, **__):
    print("ready", flush=True)
    time.sleep(60)
pipeline.run = waiting
cli.main(["run", "--text", "x"])
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_end_the_command_with_their_code(number: signal.Signals, code: int, here: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert list(here.iterdir()) == []


def test_a_reader_that_went_away_is_no_traceback() -> None:
    """`reportgen run --help | true`."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "reportgen", "run", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("run", "--index", "0"), ("examples",), ("importance",)])
def test_a_place_that_takes_no_file_ends_a_command_before_its_long_part(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "load", None)
    name = {"run": "/proc/x", "examples": "/proc/x.parquet", "importance": "/proc/x.safetensors"}[command[0]]
    fails(call(*command, "--preset", "demo", "-o", name), 7, f"{name.rpartition('/')[0]}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--importance-key", "a"), "--importance-key needs --importance with a file"),
        (("--importance-key", "a", "--importance", "auto"), "--importance-key needs --importance with a file"),
        (("--unit", "sentence"), "--unit needs --faithfulness quick or full"),
    ],
)
def test_an_option_without_what_it_is_about_is_refused(options: tuple[str, ...], said: str, folder: Path) -> None:
    """Else a reader of the command believes that it has acted."""
    fails(run("--model", str(folder), "--text", "Two words", "--faithfulness", "none", *options), 2, said)


INTERRUPTED_AT_IMPORT = """
import os, runpy, signal, sys
class Press:
    def find_spec(self, name, *_):
        if name == "reportgen.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
sys.argv = ["reportgen", "presets"]
runpy.run_module("reportgen", run_name="__main__")
"""


def test_ctrl_c_while_python_imports_is_no_traceback() -> None:
    """The process ends by the signal, as `sleep` does: a shell sees 130."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_IMPORT], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        (">/dev/full", 7, "error: standard output: No space left on device\nhint: send it somewhere else\n"),
        (">/dev/full 2>/dev/full", 7, ""),
    ],
)
def test_streams_that_are_closed_or_full_are_no_traceback(streams: str, code: int, said: str) -> None:
    command = shlex.join([sys.executable, "-m", "reportgen", "presets"])
    done = subprocess.run(f"{command} {streams}", shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_for_a_full_disk_says_so(arguments: list[str]) -> None:
    """It is printed before a command begins."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reportgen", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr.splitlines()[0]) == (7, "error: standard output: No space left on device")


BROKEN = """
import sys
from reportgen import cli, pipeline
def broken(*_, **__):
    raise FileNotFoundError(2, "deep inside", "a file")
pipeline.run = broken
sys.argv = ["reportgen", "--debug", "run", "--text", "x"]
cli.script()
"""


def test_debug_shows_where_an_error_of_the_system_is_from() -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr
    assert "deep inside" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", [("run", "--file", "-"), ("batch", "--ids", "-")])
def test_a_closed_standard_input_is_named(arguments: tuple[str, ...], here: Path) -> None:
    command = shlex.join([sys.executable, "-m", "reportgen", *arguments, "-o", "out"])
    done = subprocess.run(f"{command} <&-", shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: standard input is closed\nhint: ")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("words", ["a\nb\r\nc", "\x1b]0;owned\x07", "a \u202eb", "\x9b31m"])
def test_words_from_outside_cannot_command_the_terminal(
    words: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Titles, labels and warnings hold what files say; a label of a model may hold an escape sequence."""
    given = reports.report("one")
    shown: Report = replace(
        given,
        example=replace(given.example, title=words),
        prediction=replace(given.prediction, labels=(words, "right")),
        warnings=(ReportWarning("unknown-label", words),),
    )
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: pipeline.Written(shown, Path("out"), {}))
    result = run("--text", "x", color=True)
    assert result.exit_code == 0
    assert not set("\x1b\x07\u202e\x9b\r") & set(result.stdout + result.stderr)
    assert len(result.stdout.splitlines()) == 2
    assert len(result.stderr.splitlines()) == 2


# --- the configuration --------------------------------------------------------------------------------------------


def parsed(*arguments: str) -> Config:
    """The configuration of a command line."""
    with cli.run.make_context("run", list(arguments)) as context:
        options = {k: v for k, v in context.params.items() if k not in ("verbose", "quiet", "as_json")}
        return configure(options)


def test_without_options_it_is_the_demo() -> None:
    config = parsed()
    assert (config.preset, config.model, config.dataset, config.index, config.importance) == (
        "demo", "demo", "demo", 0, "demo"
    )  # fmt: skip


def test_options_win_over_the_preset(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text('model = "m"\ntop_k = 7\nimportance = "i.npy"\nlabels = ["a", "b"]\n')
    config = parsed("--preset", str(preset), "--top-k", "3", "--text", "x")
    assert (config.model, config.top_k, config.importance, config.labels) == ("m", 3, "i.npy", ("a", "b"))


def test_another_model_does_not_take_the_importance_of_the_preset() -> None:
    assert parsed("--preset", "demo", "--model", "other", "--text", "x").importance == "none"
    assert parsed("--preset", "demo", "--model", "other", "--text", "x", "--importance", "i.npy").importance == "i.npy"
    assert parsed("--text", "x").importance == "demo"


@pytest.mark.parametrize(
    ("arguments", "gone", "kept"),
    [
        (["--text", "x"], ["dataset", "split", "index", "label_column"], ["model", "tokenizer", "labels"]),
        (["--pick", "fp"], ["index"], ["dataset", "split", "label_column", "model"]),
        (["--split", "train"], ["index"], ["dataset", "label_column", "model"]),
        (["--dataset", "mine.csv"], ["split", "index", "text_column", "label_column"], ["model", "labels"]),
        (["--model", "other"], ["tokenizer", "labels", "max_length"], ["dataset", "split", "index", "label_column"]),
    ],
)
def test_what_a_preset_says_of_what_is_replaced_does_not_hold(
    arguments: list[str], gone: list[str], kept: list[str]
) -> None:
    """The columns of one dataset are not those of another, nor the labels of one model."""
    papers, config, fresh = presets.load("papers"), parsed("--preset", "papers", *arguments), Config()
    assert {name: getattr(config, name) for name in gone} == {name: getattr(fresh, name) for name in gone}
    assert {name: getattr(config, name) for name in kept} == {name: getattr(papers, name) for name in kept}


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9 '\"$&-]{0,8}", fullmatch=True).map(str.strip).filter(bool)
MAYBE: dict[str, st.SearchStrategy[Any]] = {
    "revision": NAMES,
    "base_revision": NAMES,
    "tokenizer": NAMES,
    "tokenizer_revision": NAMES,
    "labels": st.lists(NAMES, min_size=1, max_size=3, unique_by=str.casefold).map(tuple),
    "attention_window": st.integers(2, 64),
    "global_tokens": st.sets(st.integers(0, 9), min_size=1).map(lambda p: tuple(sorted(p))),
    "label": WORDS,
    "max_length": st.integers(1, 99),
    "long": st.sampled_from(["truncate", "window"]),
    "batch_size": st.integers(1, 99),
    "max_chars": st.integers(1, 99),
    "importance": NAMES,
    "importance_key": NAMES,
    "top_k": st.integers(1, 99),
    "colour_scale": st.sampled_from(["contrast", "linear", "rank", "log"]),
    "device": st.sampled_from(["auto", "cpu", "cuda:1"]),
    "dtype": st.sampled_from(["float32", "float16"]),
    "seed": st.integers(-9, 99),
    "format": st.sampled_from([("html",), ("pdf", "tables"), ("html", "pdf", "latex", "figures")]),
    "paper": st.sampled_from(["a4", "letter"]),
    "pdf_variant": st.sampled_from(["ua-1", "a-3u"]),
    "pdf_views": st.sampled_from(["main", "all"]),
    "figure_width": st.sampled_from([("84mm",), ("3in", "7in"), ("acl", "neurips")]),
    "figure_font": st.sampled_from(["Latin Modern Roman", "Arial"]),
    "span": st.sampled_from(["0:4", "12:99"]),
    "offline": st.booleans(),
    "require_safetensors": st.booleans(),
    "strict": st.booleans(),
}


@given(
    base=st.sampled_from(["demo", "model", "both"]),
    source=st.tuples(st.just("text"), WORDS) | st.tuples(st.just("file"), NAMES),
    chosen=st.fixed_dictionaries({}, optional=MAYBE),
)
def test_the_command_in_the_report_parses_back_to_the_same_run(
    base: str, source: tuple[str, str], chosen: dict[str, Any]
) -> None:
    """Whatever was set; the text short enough to be kept."""
    if chosen.get("importance") in (None, "none", "auto", "demo"):  # a key is of a file
        chosen = {name: value for name, value in chosen.items() if name != "importance_key"}
    arguments = {"demo": [], "model": ["--model", "org/m"], "both": ["--preset", "demo", "--model", "org/m"]}[base]
    arguments += ["--" + source[0], source[1]]
    for name, value in chosen.items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            arguments += [option] if value else []
        else:
            arguments += [option, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    config = parsed(*arguments)
    words = shlex.split(presets.command(config))
    assert words[:2] == ["reportgen", "run"]
    assert replace(parsed(*words[2:]), output=None) == config


def test_a_row_of_the_demo_parses_back_too() -> None:
    config = parsed("--index", "3", "--top-k", "5")
    assert replace(parsed(*shlex.split(presets.command(config))[2:])) == config


@given(
    base=st.sampled_from([["--model", "org/m"], ["--preset", "papers"], ["--preset", "news", "--model", "org/m"]]),
    dataset=st.fixed_dictionaries(
        {},
        optional={
            "dataset": st.sampled_from(["org/data", "./rows.csv"]), "dataset_config": NAMES, "dataset_revision": NAMES,
            "split": st.sampled_from(["test", "train[:10%]"]), "text_column": NAMES, "label_column": NAMES,
            "id_column": NAMES,
        },
    ),
    choice=st.sampled_from(
        [[], ["--index", "7"], ["--id", "a b"], ["--pick", "fp:no", "--limit", "9"], ["--pick", "random"]]
    ),
)  # fmt: skip
def test_a_row_of_any_dataset_parses_back_too(base: list[str], dataset: dict[str, str], choice: list[str]) -> None:
    """What the preset says, what replaces it, and which row."""
    arguments = [*base, *choice]
    if base == ["--model", "org/m"]:
        dataset = {"dataset": "org/data", **dataset}
    for name, value in dataset.items():
        arguments += ["--" + name.replace("_", "-"), value]
    config = parsed(*arguments)
    assert replace(parsed(*shlex.split(presets.command(config))[2:])) == config


def test_a_long_text_of_many_lines_parses_back_too() -> None:
    config = parsed("--model", "m", "--text", 'It\'s a "line".\n\t$HOME `x` \\ !\n' * 9)
    assert parsed(*shlex.split(presets.command(config))[2:]) == config


def test_contradictions_are_told_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match="--text and --file"):
        configure({"text": "x", "file": "y"})
