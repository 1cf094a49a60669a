"""Every verb of the command line, and what does the same in the TUI.

A verb that acts on a job, a model or a clip goes to the screen where that is chosen; on that screen
it acts at once. Some can only be had in a shell: those say why, and are copied to be typed there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wantui.tui import checkup, daemon_care, upkeep
from wantui.tui.actions import ACTIONS, Action
from wantui.tui.areas import Area
from wantui.tui.tone import Tone

if TYPE_CHECKING:
    from wantui.tui.app import WantuiApp


@dataclass(frozen=True)
class Acts:
    """As an action does."""

    id: str

    @property
    def action(self) -> Action:
        return next(action for action in ACTIONS if action.id == self.id)


@dataclass(frozen=True)
class Opens:
    """An area shows it, or lets it be chosen."""

    area: Area
    sentence: str


@dataclass(frozen=True)
class Runs:
    """A function does it, wherever one is."""

    run: Callable[[WantuiApp], None]
    sentence: str


@dataclass(frozen=True)
class Shell:
    """Only a shell does it."""

    command: str
    why: str


Way = Acts | Opens | Runs | Shell

VERBS: Mapping[str, Way] = {
    "generate": Opens(Area.GENERATE, "Write a prompt"),
    "presets ls": Acts("generate.presets"),
    "presets show": Acts("generate.presets"),
    "presets save": Acts("generate.presets"),
    "presets rm": Acts("generate.presets"),
    "plan": Opens(Area.GENERATE, "See what a request will cost while it is typed"),
    "queue": Opens(Area.QUEUE, "See what runs, what waits and why, and what has ended"),
    "pause": Runs(upkeep.pause, "Pause the queue: a running job goes on"),
    "resume": Runs(upkeep.resume, "Have the queue go on"),
    "job": Acts("queue.details"),
    "cancel": Acts("queue.cancel"),
    "hold": Acts("queue.hold"),
    "release": Acts("queue.release"),
    "move": Opens(Area.QUEUE, "Have a job run earlier or later"),
    "retry": Acts("queue.retry"),
    "wait": Opens(Area.QUEUE, "See a job end; elsewhere it is told when one does"),
    "get": Acts("gallery.save"),
    "clean": Runs(upkeep.clean, "Remove failed and cancelled jobs, once you have said so"),
    "logs": Opens(Area.LOGS, "Read what the daemon, the worker or a job wrote"),
    "ls": Opens(Area.MODELS, "See the models, and what of them is here"),
    "show": Opens(Area.MODELS, "See all that is known of a model"),
    "pull": Acts("models.get"),
    "downloads": Opens(Area.MODELS, "See how downloads go; pause them, and go on"),
    "verify": Acts("models.verify"),
    "repair": Acts("models.repair"),
    "convert": Acts("models.convert"),
    "rm": Acts("models.remove"),
    "keep": Acts("models.keep"),
    "prune": Runs(upkeep.prune, "Remove files that nobody names, once you have said so"),
    "lora ls": Acts("generate.loras"),
    "lora add": Shell("wantui lora add FILE", "it takes a file of the machine that you type on"),
    "lora rm": Shell("wantui lora rm NAME", "no screen lists LoRAs outside of a request yet"),
    "load": Acts("models.load"),
    "unload": Acts("models.load"),
    "ps": Opens(Area.HARDWARE, "See the workers, and what they hold"),
    "hw": Opens(Area.HARDWARE, "See the machine, how it does, and what fits"),
    "doctor": Runs(checkup.examine, "Look for what is wrong, and say what mends it"),
    "config": Runs(checkup.show_settings, "See the settings in force, and where to change them"),
    "events": Shell("wantui events -f", "it prints what happens, for programs"),
    "daemon status": Runs(daemon_care.show, "See which daemon this is"),
    "daemon start": Acts("app.start_daemon"),
    "daemon stop": Runs(daemon_care.stop, "Stop the daemon, once you have said so"),
    "daemon restart": Runs(daemon_care.restart, "Stop the daemon and start it again"),
    "daemon run": Shell("wantui daemon run", "it runs in the foreground of a terminal"),
    "daemon install": Shell("wantui daemon install", "it gives systemd a unit to start it by"),
    "daemon uninstall": Shell("wantui daemon uninstall", "it takes systemd's unit away"),
    "daemon set-aside": Shell(
        "wantui daemon set-aside", "it is for a database that keeps the daemon from starting"
    ),
}


def sentence(way: Way) -> str:
    """What choosing it does."""
    match way:
        case Acts():
            return way.action.sentence
        case Shell():
            return f"Copy it, for a shell: {way.why}"
        case Opens() | Runs():
            return way.sentence


async def go(app: WantuiApp, way: Way) -> None:
    """Do it, or go where it is done."""
    match way:
        case Acts():
            await _act(app, way.action)
        case Opens():
            await app.action_area(way.area)
        case Runs():
            way.run(app)
        case Shell():
            app.copy_to_clipboard(way.command)
            app.area_screen.tell(f"copied: {way.command} ({way.why})", Tone.GOOD)


async def _act(app: WantuiApp, action: Action) -> None:
    """On what is chosen, where it can be seen; else lead there and say the key."""
    if action.area in (None, app.area_screen.AREA):
        await app.run_action(action.name, app.area_screen if action.area else app)
        return
    await app.action_area(action.area)
    app.area_screen.tell(f"choose, then {app.keys.shown(action)}: {action.sentence}")
