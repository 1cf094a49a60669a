"""What `scripts/run` says, in one line, on a machine where it cannot install; and when it need not.

Nothing is installed here: pip is kept from its index, and fails.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.checkout import OFFLINE, Checkout, bare_python


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Without a Python."""
    return Checkout.make(tmp_path / "checkout")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Without ensurepip, which takes seconds where pip is at hand."""
    return str(bare_python(tmp_path_factory.mktemp("python"), with_pip=True))


@pytest.fixture
def offline(checkout: Checkout, python: str) -> Checkout:
    """With a Python, and a pip that finds nothing."""
    checkout.environment |= {"PYTHON": python, **OFFLINE}
    return checkout


def test_a_python_that_is_too_old_is_named(checkout: Checkout) -> None:
    checkout.put_python("python3", "3.9.2")
    tools = checkout.root / "tools"
    assert checkout.refusal() == (
        "error: wantui needs Python 3.11 or newer, but found Python 3.9.2"
        f" ({tools}/python3); install one, or name one in PYTHON"
    )


def test_no_python_at_all_is_said(checkout: Checkout) -> None:
    assert "but found no Python; install one" in checkout.refusal()


def test_a_newer_python_under_another_name_is_found(offline: Checkout, python: str) -> None:
    del offline.environment["PYTHON"]
    offline.put_python("python3", "3.10.1")
    (offline.root / "tools" / "python3.11").symlink_to(python)
    assert "the installation failed" in offline.refusal()


@pytest.mark.parametrize(
    ("named", "is_what"),
    [("/nowhere/python", "no Python that starts"), ("old", "Python 3.8.10")],
)
def test_a_python_that_was_asked_for_is_never_replaced(
    checkout: Checkout, named: str, is_what: str
) -> None:
    checkout.put_python("old", "3.8.10")
    (checkout.root / "tools" / "python3").symlink_to(sys.executable)
    checkout.environment["PYTHON"] = named
    assert f"but PYTHON is {named}, which is {is_what};" in checkout.refusal()


def test_a_failed_installation_names_the_reason_and_its_log(offline: Checkout) -> None:
    assert offline.refusal() == (
        "error: the installation failed: pip's index has no build of a pinned package for this"
        f" Python; see {offline.log}, then run this again"
    )
    assert "hatchling" in offline.log.read_text("utf-8")


def test_an_index_that_cannot_be_reached_is_said(offline: Checkout) -> None:
    offline.environment |= {
        "PIP_NO_INDEX": "0",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "1",
    }
    assert "failed: pip cannot reach its package index; see " in offline.refusal()


def test_a_failed_installation_is_tried_again(offline: Checkout) -> None:
    assert offline.refusal() == offline.refusal()


def test_a_python_with_ensurepip_gives_the_environment_a_pip(offline: Checkout) -> None:
    offline.environment["PYTHON"] = sys.executable
    assert "the installation failed: pip's index has no " in offline.refusal()
    assert (offline.venv / "bin" / "pip").exists()


def test_a_python_without_pip_and_ensurepip_is_refused(offline: Checkout, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "python", with_pip=False)
    offline.environment["PYTHON"] = str(python)
    assert offline.refusal().startswith(f"error: {python} has neither ensurepip nor pip")


def test_an_environment_of_somebody_elses_is_left_alone(offline: Checkout) -> None:
    theirs = offline.venv / "pyvenv.cfg"
    theirs.parent.mkdir()
    theirs.touch()
    assert "was not made by this script: move it away" in offline.refusal()
    assert list(offline.venv.iterdir()) == [theirs]


def test_a_full_disk_is_refused_before_anything_is_made(offline: Checkout) -> None:
    script = offline.root / "scripts" / "bootstrap.py"
    script.write_text(
        script.read_text("utf-8").replace("NEEDED_BYTES = 3 *", "NEEDED_BYTES = 9 * GB *")
    )
    line = offline.refusal()
    assert " GB are free for " in line
    assert line.endswith("free some space, then run this again")
    assert not (offline.venv / "bin").exists()


def test_what_is_installed_is_not_installed_again(offline: Checkout) -> None:
    pretend_installed(offline)
    assert said_by_wantui(offline) == "wantui was started with --version\n"


@pytest.mark.parametrize("changed", ["pyproject.toml", "scripts/constraints.txt"])
def test_other_dependencies_are_installed(offline: Checkout, changed: str) -> None:
    pretend_installed(offline)
    with (offline.root / changed).open("a") as file:
        file.write("\n# another line\n")
    assert "the installation failed: pip's index has no " in offline.refusal()


def test_a_checkout_that_was_moved_is_installed_anew(offline: Checkout, tmp_path: Path) -> None:
    pretend_installed(offline)
    moved = Checkout(offline.root.rename(tmp_path / "moved"), environment=offline.environment)
    moved.path = [str(moved.root / "tools")]
    assert "the installation failed" in moved.refusal()


def test_a_second_installation_waits_for_the_first(offline: Checkout) -> None:
    offline.venv.mkdir()
    with (offline.venv / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = offline.start("--version")
        assert second.stderr is not None
        assert second.stderr.readline() == "waiting for another installation into .venv to end\n"
        pretend_installed(offline)
    out, err = second.communicate(timeout=60)
    assert (out, err) == ("wantui was started with --version\n", "")


def pretend_installed(checkout: Checkout) -> None:
    """As the end of an installation leaves it, with a `wantui` that says how it was started."""
    program = checkout.venv / "bin" / "wantui"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "wantui was started with $*"\n', "utf-8")
    program.chmod(0o755)
    (program.parent / "python").symlink_to(checkout.environment["PYTHON"])
    script = "import bootstrap; bootstrap.LOCK.touch(); bootstrap.write_stamp({'engine'})"
    folder = checkout.root / "scripts"
    subprocess.run([checkout.environment["PYTHON"], "-c", script], cwd=folder, check=True)
    assert json.loads((checkout.venv / "installed.json").read_text("utf-8"))["extras"] == ["engine"]


def said_by_wantui(checkout: Checkout) -> str:
    with checkout.start("--version") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out
