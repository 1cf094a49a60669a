"""`wantui daemon install` and `uninstall`: the daemon as a unit of the user's systemd."""

from __future__ import annotations

from typing import Annotated

import typer

from wantui.cli.document import show_document
from wantui.cli.options import Json
from wantui.cli.terminal import narrate, show_raw
from wantui.client.unit import Manager, Unit, lingers
from wantui.files import private_folder, write_atomic
from wantui.paths import Paths


def install(
    show: Annotated[
        bool, typer.Option("--print", help="Print the unit file; change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have your systemd start the daemon with your session, and again if it fails.

    Writes a unit file that has this environment's folders and proxies in it. Another WANTUI_HOME is
    another unit.
    """
    paths = Paths.from_environment()
    unit = Unit.of(paths)
    if show:
        show_raw(unit.text)
        return
    private_folder(paths.state)
    private_folder(paths.logs)  # the unit's standard error goes there
    unit.path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(unit.path, unit.text.encode())
    manager = Manager.find()
    if manager is not None:
        manager.must("daemon-reload")
        manager.must("enable", unit.name)
    _tell(unit, enabled=manager is not None, as_json=as_json)
    if as_json:
        return
    if manager is None:
        narrate(
            "no systemd answers for your user now; once one does: "
            f"systemctl --user enable --now {unit.name}"
        )
    else:
        narrate("run: wantui daemon start")
    if not lingers():
        narrate("it ends with your last session; to have it stay: loginctl enable-linger")


def uninstall(as_json: Json = False) -> None:
    """Take the unit away again. A daemon that runs goes on until it is stopped."""
    unit = Unit.of(Paths.from_environment())
    was_there = unit.path.exists()
    manager = Manager.find()
    if manager is not None and was_there:
        manager.must("disable", unit.name)
    unit.path.unlink(missing_ok=True)
    if manager is not None:
        manager.must("daemon-reload")
    if as_json:
        show_document({"unit": str(unit.path), "removed": was_there})
    else:
        narrate(f"removed {unit.path}" if was_there else f"there was no {unit.path}")


def _tell(unit: Unit, *, enabled: bool, as_json: bool) -> None:
    if as_json:
        show_document({"unit": str(unit.path), "enabled": enabled})
    else:
        narrate(f"wrote {unit.path}")
