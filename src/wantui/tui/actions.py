"""Every action once: its keys, its word in the footer, its sentence in help and palette."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from wantui.tui.areas import Area


@dataclass(frozen=True)
class Action:
    name: str
    """The method `action_<name>` of the area's screen, or of the app."""
    keys: str
    """Comma-separated, the one that is shown first."""
    word: str
    """In the footer."""
    sentence: str
    """In help and palette."""
    area: Area | None = None
    """None: works everywhere."""
    footer: bool = True
    room: str = "app"
    """What its id begins with, where that is no area."""
    at_once: bool = False
    """Before whatever has the focus sees the key: what is typed next goes elsewhere."""

    @property
    def id(self) -> str:
        """What `[tui.keys]` calls it: `queue.cancel`, `logs.source.daemon`."""
        name, _, argument = self.name.rstrip("')").partition("('")
        return ".".join(part for part in (self.area or self.room, name, argument) if part)

    @property
    def call(self) -> str:
        """What Textual runs."""
        return self.name if self.area else f"app.{self.name}"


_SYMBOLS = {
    "question_mark": "?",
    "comma": ",",
    "colon": ":",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "escape": "esc",
    "ctrl+": "^",
}


def shown(key: str) -> str:
    """A key as the footer writes it."""
    for long, short in _SYMBOLS.items():
        key = key.replace(long, short)
    return key


_AREAS = tuple(
    Action(f"area('{area}')", area.key, area, f"Go to {area}", footer=False) for area in Area
)

ACTIONS: tuple[Action, ...] = (
    Action("submit", "ctrl+s,f5,ctrl+enter", "generate", "Submit this request", Area.GENERATE),
    Action("presets", "ctrl+t,f8", "presets", "Fill in, save or remove a preset", Area.GENERATE),
    Action(
        *("leave", "escape", "leave", "Leave the field, so 1-6 and ? work"),
        area=Area.GENERATE,
        at_once=True,
    ),
    Action("prompts", "ctrl+r,f9", "earlier", "Find a prompt that was sent before", Area.GENERATE),
    Action("clear", "ctrl+l", "reset", "Set every field back to the default", Area.GENERATE),
    Action("loras", "ctrl+o,f6", "LoRAs", "Choose LoRAs that the daemon keeps", Area.GENERATE),
    Action("image", "ctrl+n,f7", "image", "Choose a picture of this machine", Area.GENERATE),
    Action("editor", "ctrl+g,f4", "editor", "Edit the text with $EDITOR", Area.GENERATE),
    Action("edit", "enter,i", "edit", "Go back to the prompt", Area.GENERATE, footer=False),
    Action("details", "enter", "show", "Show all that is known of the job", Area.QUEUE),
    Action("cancel", "c", "cancel", "Cancel the job", Area.QUEUE),
    Action("hold", "h", "hold", "Hold the job: it does not run until released", Area.QUEUE),
    Action("release", "r", "release", "Release the held job", Area.QUEUE),
    Action("mark", "space", "mark", "Mark the job: verbs act on all marked ones", Area.QUEUE),
    Action("filter", "slash", "filter", "Show only jobs with what you type", Area.QUEUE),
    Action("pause", "p", "pause", "Pause the queue, or resume it", Area.QUEUE),
    Action("log", "l", "log", "Show the job's log", Area.QUEUE),
    Action(
        "earlier", "K", "earlier", "Let the job run before the one above", Area.QUEUE, footer=False
    ),
    Action("later", "J", "later", "Let the job run after the one below", Area.QUEUE, footer=False),
    Action("top", "t", "first", "Let the job run before all others", Area.QUEUE, footer=False),
    Action("raise", "plus", "priority", "Raise the job's priority", Area.QUEUE, footer=False),
    Action("lower", "minus", "priority", "Lower the job's priority", Area.QUEUE, footer=False),
    Action("retry", "R", "retry", "Send the ended job again", Area.QUEUE, footer=False),
    Action("mark_all", "a", "mark all", "Mark all that are shown", Area.QUEUE, footer=False),
    Action("search", "s", "search", "Search all jobs there have been", Area.QUEUE, footer=False),
    Action("remove", "x", "remove", "Remove ended jobs, with videos", Area.QUEUE, footer=False),
    Action("back", "escape", "back", "Leave filter, search, marks", Area.QUEUE, footer=False),
    Action(
        "again", "e", "edit again", "Fill the generate screen with it", Area.QUEUE, footer=False
    ),
    Action("vary", "v", "vary", "The same with another seed", Area.QUEUE, footer=False),
    Action("older", "m", "more", "Load older jobs", Area.QUEUE, footer=False),
    Action("details", "enter", "files", "Show every file of the weights", Area.MODELS),
    Action("get", "d", "pull", "Pull the weights, once you have seen what comes", Area.MODELS),
    Action("pause", "p", "pause", "Pause the download, or have it go on", Area.MODELS),
    Action("verify", "v", "verify", "Compare the files with what was published", Area.MODELS),
    Action("load", "l", "load", "Load it before a job does, or let it go", Area.MODELS),
    Action("remove", "x", "remove", "Remove the weights, once you have said so", Area.MODELS),
    Action("use", "u", "use", "Generate with this model", Area.MODELS),
    Action("repair", "r", "repair", "Replace bad files, only those", Area.MODELS, footer=False),
    Action("cancel", "c", "give up", "Give the download up", Area.MODELS, footer=False),
    Action("convert", "t", "convert", "Rewrite for faster loads", Area.MODELS, footer=False),
    Action("keep", "K", "keep", "Protect the weights, or no longer", Area.MODELS, footer=False),
    Action("copy", "y", "copy", "Copy the command that gets it", Area.MODELS, footer=False),
    Action("play", "p,enter,space", "play", "Play the clip in this terminal", Area.GALLERY),
    Action("open", "o", "open", "Open the clip in this machine's player", Area.GALLERY),
    Action("save", "s", "save", "Save a copy of the clip", Area.GALLERY),
    Action("copy", "y", "copy", "Copy the clip's path", Area.GALLERY),
    Action("repeat", "r", "repeat", "Fill the generate screen with these values", Area.GALLERY),
    Action("filter", "slash", "filter", "Show only clips with these words", Area.GALLERY),
    Action("vary", "v", "vary", "The same with another seed", Area.GALLERY, footer=False),
    Action(
        "remove", "x", "remove", "Remove the job and its clip, once you have said so", Area.GALLERY
    ),
    Action("older", "m", "more", "Load older clips", Area.GALLERY, footer=False),
    Action("leave", "escape", "all", "Clear and leave the filter", Area.GALLERY, footer=False),
    Action("source('daemon')", "d", "daemon", "Show the daemon's log", Area.LOGS),
    Action("source('worker')", "w", "worker", "Show the worker's log", Area.LOGS),
    Action("source('job')", "n", "newest job", "Show the newest job's log", Area.LOGS),
    Action("filter", "slash", "filter", "Show only lines with a text", Area.LOGS),
    Action("level", "v", "level", "Show only lines of a level and worse, the next one", Area.LOGS),
    Action("follow", "f", "follow", "Follow the end of the log, or stay", Area.LOGS),
    Action("open", "enter", "to job", "Go to the job that the line is about", Area.LOGS),
    Action("older", "m", "earlier", "Read what was written earlier", Area.LOGS, footer=False),
    Action(
        "leave", "escape", "leave filter", "Clear and leave the filter", Area.LOGS, footer=False
    ),
    *_AREAS,
    Action("start_daemon", "S", "start daemon", "Start the daemon, or try again", footer=False),
    Action("suspend_process", "ctrl+z", "suspend", "Back to the shell, until: fg", footer=False),
    Action("help", "question_mark,f1", "help", "Show the keys of this screen"),
    Action("command_palette", "ctrl+p,colon", "find", "Find any action by name"),
    Action("quit", "q,ctrl+q", "quit", "Leave; jobs go on", footer=True),
)


MOVES: tuple[Action, ...] = tuple(
    Action(name, keys, "", sentence, room="list")
    for name, keys, sentence in (
        ("next", "down,j", "The next row"),
        ("before", "up,k", "The row before"),
        ("page", "pagedown,ctrl+f", "A page on"),
        ("page_back", "pageup,ctrl+b", "A page back"),
        ("first", "home,g", "The first row"),
        ("last", "end,G", "The last row"),
    )
)
"""What lists and long texts have in common; each widget says what it does for them."""


def moves(**calls: str) -> list[BindingType]:
    """A widget's keys, from a move's name to the action that Textual runs."""
    return [
        Binding(move.keys, calls[move.name], move.sentence, id=move.id, show=False)
        for move in MOVES
        if move.name in calls
    ]


def of(area: Area | None) -> Sequence[Action]:
    """Actions of one area, or those that work everywhere."""
    return [action for action in ACTIONS if action.area is area]


def bindings(area: Area | None) -> list[BindingType]:
    """As Textual's key bindings, remappable by id."""
    return [
        Binding(action.keys, action.name, action.sentence, id=action.id, priority=action.at_once)
        for action in of(area)
    ]


def steps() -> list[BindingType]:
    """To the next field and back. At once: keys come in heaps over a slow line, and what is typed
    after a tab is for the next field.
    """
    return [
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("enter", "go_on", show=False, priority=True),
    ]


def jumps() -> list[BindingType]:
    """Alt and an area's key, which work within a field too.

    A terminal sends the same for esc and the key when they are typed at once.
    """
    return [
        Binding(f"alt+{area.key}", f"app.jump('{area}')", show=False, priority=True)
        for area in Area
    ]
