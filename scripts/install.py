"""Set up the virtual environment: `python scripts/install.py FOLDER [--lowest] [EXTRA ...]`.

Needs nothing but Python 3.11 with pip. On a machine without an NVIDIA GPU it never installs PyTorch's CUDA build,
which brings several gigabytes that nothing there can use. With `--lowest` it installs the lowest versions that
pyproject.toml allows, instead of those in constraints.txt.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
CUDA_PACKAGES = ("nvidia-", "cuda-", "triton")
QUIET = ["--quiet", "--disable-pip-version-check"]


def main() -> None:
    """Create the environment, see to the right PyTorch, install the project."""
    if sys.version_info < (3, 11):  # noqa: UP036  this check tells the user
        sys.exit(f"error: Python {platform.python_version()} is too old\nhint: make PYTHON=/path/to/python3.11 ...")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("extras", nargs="*")
    parser.add_argument("--lowest", action="store_true")
    given = parser.parse_args()
    folder, extras = given.folder, given.extras
    python = create(folder)
    constraints = lowest_versions(python, folder, extras) if given.lowest else CONSTRAINTS
    if not has_package(python, "torch") and not has_gpu() and wants_cuda(python, constraints):
        install_cpu_torch(python, folder, constraints)
    project = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    print(f"installing reportgen into {folder} (a few minutes the first time) ...", flush=True)
    pip(python, "install", *QUIET, "-c", str(constraints), "-e", project)


def create(folder: Path) -> Path:
    """The environment's Python; the environment is made if it is not there."""
    python = folder / ("Scripts/python.exe" if platform.system() == "Windows" else "bin/python")
    if not python.exists():
        try:
            venv.create(folder, with_pip=True)
        except (subprocess.CalledProcessError, OSError) as error:
            sys.exit(f"error: no virtual environment: {error}\nhint: Debian and Ubuntu: apt-get install python3-venv")
    return python


def lowest_versions(python: Path, folder: Path, extras: list[str]) -> Path:
    """Write a file of constraints: the lowest version allowed of each dependency that pyproject.toml names."""
    found = folder / "lowest.txt"
    options = ["--quiet", "--python", python, "--resolution", "lowest-direct", "--upgrade", "--output-file", found]
    wanted = [word for extra in extras for word in ("--extra", extra)]
    if subprocess.run([install_uv(python), "pip", "compile", *options, *wanted, ROOT / "pyproject.toml"]).returncode:
        sys.exit("error: no set of lowest versions, see above\nhint: check the bounds in pyproject.toml")
    return found


def install_uv(python: Path) -> Path:
    """Install uv, and say where it is."""
    pip(python, "install", *QUIET, "-c", str(CONSTRAINTS), "uv")
    return python.parent / "uv"


def has_gpu() -> bool:
    """Whether an NVIDIA driver answers, or the machine is one for which there is only one build."""
    if platform.system() != "Linux":
        return True
    driver = shutil.which("nvidia-smi")
    return driver is not None and subprocess.run([driver, "-L"], capture_output=True).returncode == 0


def has_package(python: Path, name: str) -> bool:
    """Whether *name* is installed already."""
    return subprocess.run([python, "-m", "pip", "show", name], capture_output=True).returncode == 0


def wants_cuda(python: Path, constraints: Path) -> bool:
    """Whether pip, as it is set up here, would bring CUDA along with torch. Nothing of that is downloaded."""
    pip(python, "install", *QUIET, "-c", str(CONSTRAINTS), "pip")  # before 25.3 a dry run downloaded all of it
    report = pip(python, "install", *QUIET, "--dry-run", "--report", "-", "-c", str(constraints), "torch", capture=True)
    names = [item["metadata"]["name"].lower() for item in json.loads(report)["install"]]
    return any(name.startswith(CUDA_PACKAGES) for name in names)


def install_cpu_torch(python: Path, folder: Path, constraints: Path) -> None:
    """Install PyTorch's CPU build through uv, which knows where it is kept."""
    print("no GPU found: installing the CPU build of PyTorch ...", flush=True)
    command = [install_uv(python), "pip", "install", "--quiet", "--python", python, "--torch-backend", "cpu"]
    if subprocess.run([*command, "-c", constraints, "torch"]).returncode != 0:
        sys.exit(
            "error: the CPU build of PyTorch could not be installed\n"
            f"hint: install it with {folder}/bin/pip as described on PyTorch's site, then run make again"
        )


def pip(python: Path, *arguments: str, capture: bool = False) -> str:
    """Run pip; end with its message if it fails."""
    done = subprocess.run([python, "-m", "pip", *arguments], stdout=subprocess.PIPE if capture else None, text=True)
    if done.returncode != 0:
        sys.exit(f"error: pip {arguments[0]} failed, see above\nhint: check the network, then run make again")
    return done.stdout or ""


if __name__ == "__main__":
    main()
