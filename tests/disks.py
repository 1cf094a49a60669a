"""Disks of a test's own, in a mount namespace: small ones, and ones that do not keep their word."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = os.geteuid() == 0
_HOLD = 'mount "$@" && echo mounted && exec sleep infinity'


@dataclass(frozen=True)
class Disk:
    holder: int
    """The process whose namespace has it."""
    mount: Path
    """Where it is for the processes in there."""

    @property
    def enter(self) -> tuple[str, ...]:
        """What a command begins with that is to see the disk."""
        us = () if _ROOT else ("--user", "--preserve-credentials")
        return ("nsenter", f"--target={self.holder}", "--mount", *us)

    @property
    def seen(self) -> Path:
        """Where it is for us. Links that are absolute lead elsewhere."""
        return Path(f"/proc/{self.holder}/root{self.mount}")

    @property
    def used(self) -> int:
        return shutil.disk_usage(self.seen).used

    def resize(self, size: int) -> None:
        """A small disk's, in bytes; not below what is on it."""
        remount = ("mount", "-o", f"remount,size={size}", str(self.mount))
        subprocess.run([*self.enter, *remount], check=True)


@contextlib.contextmanager
def small_disk(mount: Path, size: int) -> Iterator[Disk]:
    """It is full once `size` bytes are on it."""
    with _mounted(mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(mount)) as disk:
        yield disk


@contextlib.contextmanager
def image_disk(mount: Path, image: Path, size: int, *make: str) -> Iterator[Disk]:
    """A file system in a file, made with mkfs.ext2 and these options. For root alone."""
    image.touch()
    _run("truncate", f"--size={size}", str(image))
    _run("mkfs.ext2", "-q", "-F", *make, str(image))
    with _mounted(mount, "-o", "loop", str(image), str(mount)) as disk:
        yield disk


def fill(path: Path) -> None:
    """Until its disk is full."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass


@contextlib.contextmanager
def _mounted(mount: Path, *options: str) -> Iterator[Disk]:
    mount.mkdir(parents=True, exist_ok=True)
    command = ("unshare", "--mount", *(() if _ROOT else ("--user", "--map-root-user")))
    holder = subprocess.Popen([*command, "sh", "-c", _HOLD, "sh", *options], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        try:
            if holder.stdout.readline() != b"mounted\n":
                pytest.skip(f"this machine lets nobody mount: {' '.join(options)}")
            yield Disk(holder.pid, mount)
        finally:
            holder.kill()


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip(f"there is no {command[0]}")
