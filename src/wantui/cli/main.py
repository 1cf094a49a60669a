"""The command line's entry: which file holds which verb, and what the process exits with."""

from __future__ import annotations

import importlib
import io
import os
import sys
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer

from wantui import __version__
from wantui.cli.failure import report, tell
from wantui.cli.options import Invocation
from wantui.errors import ExitCode, InvalidRequest, WantuiError

FAMILIES: dict[str, tuple[str, ...]] = {
    "generate": ("generate",),
    "queue": ("queue", "pause", "resume"),
    "jobs": ("job", "wait", "cancel", "hold", "release", "get"),
    "move": ("move",),
    "retry": ("retry",),
    "clean": ("clean",),
    "logs": ("logs",),
    "models": ("ls", "show"),
    "weights": ("pull", "verify", "repair", "downloads"),
    "convert": ("convert",),
    "removal": ("rm", "prune", "keep"),
    "lora": ("lora",),
    "presets": ("presets",),
    "machine": ("ps",),
    "loading": ("load", "unload"),
    "hardware": ("hw",),
    "plan": ("plan",),
    "doctor": ("doctor",),
    "events": ("events",),
    "config": ("config",),
    "daemon": ("daemon",),
}
"""Modules of this package, each with a `register(app)`, and the verbs they bring."""


def main() -> int:
    """Run one command; returns its exit code and raises nothing."""
    # Looking for plugins of pydantic among all that is installed costs 20 ms; we use none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    _open_what_is_closed()
    _never_fail_to_encode(sys.stdout, sys.stderr)
    invocation = Invocation()
    try:
        app = build_app(sys.argv[1] if len(sys.argv) > 1 else "")
        code = app(prog_name="wantui", obj=invocation, standalone_mode=False)
    except SystemExit as ended:  # completions
        code = ended.code
    except WantuiError as error:
        code = report(error, as_json=invocation.as_json)
    except typer.TyperException as error:  # often before an option was looked at
        code = report(_misused(error), as_json="--json" in sys.argv)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        return _unwritable(error)
    return _flushed(code if isinstance(code, int) else ExitCode.OK)


def build_app(verb: str) -> typer.Typer:
    """The app with the family of `verb` alone, so that a command loads only what it needs.

    A word that is no verb (an option, a typing error, a shell asking for completions) gets all.
    """
    app = typer.Typer(
        help="Wan 2.2 video models on your GPU box. Without a command: the full-screen TUI.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    wanted = [family for family, verbs in FAMILIES.items() if verb in verbs]
    for family in wanted or (() if verb == "--version" else FAMILIES):
        importlib.import_module(f"wantui.cli.{family}").register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"wantui {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options of `wantui` itself."""


def _misused(error: typer.TyperException) -> InvalidRequest:
    """What typer found wrong with the words of the command, as every other failure is told."""
    text = error.format_message().replace("Value error, ", "").rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "wantui"
    return InvalidRequest(f"{text[:1].lower()}{text[1:]}", hint=f"see: {command} --help")


def _never_fail_to_encode(*streams: TextIO) -> None:
    """A glyph that the terminal's encoding lacks becomes a question mark, not a traceback."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _flushed(code: int) -> int:
    """`code`, once what was printed has left; a reader that went away is no traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        return _unwritable(error)
    return code


def _unwritable(error: OSError) -> int:
    """Standard out is a full disk, most often."""
    tell(WantuiError(f"cannot write what was asked for: {error.strerror}", hint=""))
    return _nobody_reads()


def _open_what_is_closed() -> None:
    """A stream that whoever started us has closed is None, and fails wherever it is used."""
    sys.stdin = sys.stdin or _nothing("r")
    sys.stdout = sys.stdout or _nothing("w")
    sys.stderr = sys.stderr or _nothing("w")


def _nothing(mode: str) -> TextIO:
    return cast("TextIO", Path(os.devnull).open(mode, encoding="utf-8"))


def _nobody_reads() -> int:
    """Give standard out a place to drain to, or the interpreter complains at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.FAILED
