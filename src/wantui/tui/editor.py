"""A text that is edited with the editor of the user's own, as git and others do it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wantui.errors import InvalidRequest
from wantui.text import one_line

HINT = "set VISUAL or EDITOR to the command of one that is installed"
FILE = "prompt.txt"


def editor_command(environment: Mapping[str, str] = os.environ) -> list[str]:
    """`$VISUAL`, else `$EDITOR`, in words. Raises InvalidRequest where it is none to be run."""
    typed = environment.get("VISUAL") or environment.get("EDITOR") or ""
    try:
        command = shlex.split(typed)
    except ValueError as error:
        raise InvalidRequest(f"cannot read {one_line(typed, 60)!r}: {error}", hint=HINT) from error
    if not command:
        raise InvalidRequest("no editor is named", hint=HINT)
    if shutil.which(command[0], path=environment.get("PATH")) is None:
        raise InvalidRequest(f"there is no editor {one_line(command[0], 60)}", hint=HINT)
    return command


def edited(text: str, command: list[str]) -> str:
    """The text as the editor left it, without the newline that editors end a file with.

    The terminal is the editor's meanwhile. Raises InvalidRequest if it failed: what it wrote then
    is not what somebody meant.
    """
    with tempfile.TemporaryDirectory(prefix="wantui-") as folder:
        file, name = Path(folder) / FILE, one_line(Path(command[0]).name, 30)
        try:
            file.write_text(f"{text}\n" if text else "", "utf-8")
            # Ctrl-C is for the editor: a handler, unlike what is ignored, is not inherited.
            interrupts = signal.signal(signal.SIGINT, lambda *_: None)
            try:
                code = subprocess.call([*command, str(file)])
            finally:
                signal.signal(signal.SIGINT, interrupts)
            if code != 0:
                raise InvalidRequest(
                    f"{name} ended with {code}: the text is as it was",
                    hint="save in it, then leave it as usual",
                )
            return file.read_text("utf-8").removesuffix("\n")
        except UnicodeDecodeError as error:
            raise InvalidRequest("what was saved is not UTF-8", hint="save it as UTF-8") from error
        except OSError as error:
            raise InvalidRequest(f"cannot run {name}: {error.strerror}", hint=HINT) from error
