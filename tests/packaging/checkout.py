"""A checkout of our own, as bare as the machine that it is on: for what scripts/run does first."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parents[2]
TOOLS = ("dirname", "readlink")
"""All that the scripts take from PATH but a Python."""
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}


@dataclass
class Checkout:
    root: Path
    path: list[str] = field(default_factory=list)
    """What PATH holds, the first first."""
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path) -> Checkout:
        """With the tools that are everywhere on its PATH, and no Python."""
        root.mkdir()
        shutil.copytree(HERE / "scripts", root / "scripts")
        shutil.copy(HERE / "pyproject.toml", root)
        tools = root / "tools"
        tools.mkdir()
        for name in TOOLS:
            (tools / name).symlink_to(str(shutil.which(name)))
        return cls(root, [str(tools)])

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def log(self) -> Path:
        return self.venv / "install.log"

    def put_python(self, name: str, version: str) -> None:
        """A program on PATH that says it is that Python, and is too old to be of use."""
        program = self.root / "tools" / name
        program.write_text(f"#!/bin/sh\necho Python {version}\nexit 1\n", "utf-8")
        program.chmod(0o755)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "scripts" / "run"), *arguments],
            env={"PATH": os.pathsep.join(self.path), "HOME": str(self.root), **self.environment},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def refusal(self) -> str:
        """The one error line of a run that must fail."""
        with self.start("--version") as process:
            out, err = process.communicate(timeout=100)
        errors = [line for line in err.splitlines() if not line.startswith("installing into ")]
        assert (process.returncode, out, len(errors)) == (1, "", 1), err
        return errors[0]


def bare_python(folder: Path, *, with_pip: bool) -> Path:
    """This machine's Python less its `ensurepip`, as Debian has it, and with pip only if asked.

    A Python finds its library from where its program is: links to all else make another one.
    """
    prefix = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = folder / "lib" / version
    library.mkdir(parents=True)
    for entry in (prefix / "lib" / version).iterdir():
        if entry.name not in ("ensurepip", "site-packages", "dist-packages"):
            (library / entry.name).symlink_to(entry)
    if with_pip:
        [pip] = importlib.import_module("pip").__path__
        (library / "site-packages").mkdir()
        (library / "site-packages" / "pip").symlink_to(pip)
    program = folder / "bin" / "python3"
    program.parent.mkdir()
    shutil.copy(prefix / "bin" / version, program)
    return program
