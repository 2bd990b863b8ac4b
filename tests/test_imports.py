"""What loads what: help answers at once. That presentation works without torch, `test_end_to_end.py` sees."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "altair", "weasyprint", "pyarrow", "numpy", "pandas", "datasets")


def python(program: str, *arguments: str) -> str:
    """Run a program in a Python of its own."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["--version"]], ids=lambda arguments: " ".join(arguments)
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from reportgen.cli import main; main(sys.argv[1:], standalone_mode=False); "
        f"print('LOADED', *sorted(set(sys.modules) & {set(HEAVY[:5])!r}))"
    )
    assert python(program, *arguments).splitlines()[-1].strip() == "LOADED"


def test_what_the_package_offers_can_be_completed_and_is_imported_when_asked_for() -> None:
    program = (
        "import reportgen, sys; print(*(name for name in dir(reportgen) if name[0] != '_')); "
        f"print(*({set(HEAVY)!r} & set(sys.modules))); "
        "print(all(getattr(reportgen, name) for name in reportgen.__all__), hasattr(reportgen, 'explains'))"
    )
    assert python(program).splitlines() == ["Config Report ReportgenError explain", "", "True False"]


MISTYPED = """
import sys
from reportgen.cli import main
from reportgen.core.errors import ReportgenError
try:
    main(sys.argv[1:], standalone_mode=False)
except ReportgenError as error:
    print(type(error).__name__, "LOADED", *sorted({"torch", "numpy", "pyarrow", "pandas"} & set(sys.modules)))
"""


@pytest.mark.parametrize("model", ["nowhere", "./nowhere", "nobody/nowhere"])
def test_a_mistyped_model_fails_before_anything_heavy_is_imported(model: str) -> None:
    kind = "ModelError" if model.startswith(".") else "HubError"
    assert python(MISTYPED, "run", "--offline", "--model", model, "--text", "x").strip() == f"{kind} LOADED"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["run", "--file", "nowhere.txt"], "DataError"),
        (["run", "--model", "demo", "--dataset", "nowhere.csv", "--index", "0"], "DataError"),
        (["run", "--importance", "nowhere.npy"], "ImportanceError"),
        (["run", "--device", "gpu", "-o", "nowhere"], "DeviceError"),
        (["examples", "--model", "./nowhere", "--dataset", "demo"], "ModelError"),
    ],
)
def test_other_mistyped_values_fail_before_torch_is_imported(arguments: list[str], kind: str) -> None:
    raised, _, loaded = python(MISTYPED, *arguments).partition(" LOADED")
    assert (raised, "torch" in loaded) == (kind, False)


def test_something_heavy_would_be_noticed() -> None:
    program = f"import sys, altair; print('LOADED', *sorted(set(sys.modules) & {set(HEAVY[:5])!r}))"
    assert "altair" in python(program)


def test_the_public_names_load_no_torch() -> None:
    program = "import sys, reportgen; reportgen.Report, reportgen.Config; print('torch' in sys.modules)"
    assert python(program).strip() == "False"


SCRIPT = """
import atexit, sys
from reportgen.cli import script
atexit.register(print, "put away")
sys.argv = ["reportgen", *sys.argv[1:]]
script()
"""


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--version"], 0), (["verify", "no-such-folder"], 7), (["run", "--no-such-option"], 2)]
)
def test_the_command_ends_with_its_code_and_puts_away_what_it_made(arguments: list[str], code: int) -> None:
    """Though the interpreter is not taken apart, which takes long once torch is loaded."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stdout.endswith("put away\n")
