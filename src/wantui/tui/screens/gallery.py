"""Gallery: finished clips, how they were made, and what can be done with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from wantui.api.job import Job
from wantui.client import words
from wantui.client.saving import check_target, save_output, suggested_target, typed_target
from wantui.text import bytes_text, clean, duration_text
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Tone
from wantui.tui.widgets.ask import Ask
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.table import Column, Row, Table
from wantui.tui.words import clip_facts

if TYPE_CHECKING:
    from wantui.tui.session import Session

COLUMNS = (
    Column("job", 5, right=True),
    Column("finished", 11),
    Column("model", 10),
    Column("clip", 15),
    Column("took", 7, right=True, from_width=72),
    Column("prompt"),
)
EMPTY = "no clips yet: press 1 and write a prompt"
PLAYERS = ("mpv", "ffplay", "vlc", "xdg-open")


class GalleryScreen(AreaScreen):
    AREA = Area.GALLERY
    BINDINGS = bindings(Area.GALLERY)
    AUTO_FOCUS = "#clips"

    def body(self) -> ComposeResult:
        with Container(classes="halves"):
            yield Table(*COLUMNS, empty=EMPTY, id="clips")
            yield Facts(id="clip")

    def draw(self, session: Session) -> None:
        self.query_one(Table).show([clip_row(job) for job in session.state.clips])
        self._draw_details()

    @on(Table.Moved)
    def _draw_details(self) -> None:
        clip = self.clip
        self.query_one("#clip", Facts).show(clip_facts(clip) if clip else ())

    @property
    def clip(self) -> Job | None:
        """The chosen one."""
        session, chosen = self.wantui.session, self.query_one(Table).chosen
        return session.state.jobs.get(chosen) if session and isinstance(chosen, int) else None

    def shows(self, job_id: int) -> bool:  # noqa: ARG002 - a clip appears here
        return True

    # --- actions ---

    @on(Table.Opened)
    def action_open(self) -> None:
        """In a player of the desktop; a box without one has none to open."""
        clip, player = self.clip, local_player()
        if clip is None or clip.output is None:
            self.tell("no clip to open")
        elif player is None:
            self.tell(f"no player here (tried {', '.join(PLAYERS)}): s saves a copy", Tone.WARN)
        elif not Path(clip.output.path).is_file():
            self.tell("the clip's file is not on this machine: s saves a copy", Tone.WARN)
        else:
            play(player, Path(clip.output.path))
            self.tell(f"opened with {player}", Tone.GOOD)

    def action_copy(self) -> None:
        if (clip := self.clip) is not None and clip.output is not None:
            path = clean(clip.output.path)
            self.app.copy_to_clipboard(path)
            self.tell(f"copied: {path}", Tone.GOOD)

    def action_save(self) -> None:
        if (clip := self.clip) is None:
            self.tell("no clip to save")
            return
        suggested = str(suggested_target(f"wantui-{clip.id}.mp4"))
        question = f"Save a copy of job {clip.id}'s clip as"
        self.app.push_screen(Ask(question, suggested), lambda typed: self._save(clip, typed))

    def _save(self, clip: Job, typed: str | None) -> None:
        if typed:
            self.wantui.work(self._saved(clip.id, typed))

    async def _saved(self, job_id: int, typed: str) -> None:
        if (session := self.wantui.session) is not None:
            target = typed_target(typed)
            check_target(target, overwrite=False)
            size = await save_output(session.bridge.client, job_id, target)
            self.tell(f"saved {target} ({bytes_text(size)})", Tone.GOOD)

    def action_repeat(self) -> None:
        if (clip := self.clip) is not None:
            self.wantui.work(self.wantui.generate_again(clip))

    def action_vary(self) -> None:
        if (clip := self.clip) is not None:
            self.wantui.work(self.wantui.generate_again(clip, vary=True))

    def action_older(self) -> None:
        self.wantui.load_older(clips=True)


def clip_row(job: Job) -> Row:
    params, seconds = job.params, words.took_s(job)
    return Row(
        job.id,
        (
            (str(job.id), Tone.PLAIN),
            (words.clock(job.finished_at)[5:16] if job.finished_at else "", Tone.MUTED),
            (job.model, Tone.PLAIN),
            (f"{params.width}x{params.height} {params.frames / params.fps:.1f} s", Tone.PLAIN),
            (duration_text(seconds) if seconds is not None else "", Tone.MUTED),
            (params.prompt, Tone.PLAIN),
        ),
    )


def local_player() -> str | None:
    """A player that can show something here."""
    desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return next((name for name in PLAYERS if shutil.which(name)), None) if desktop else None


def play(player: str, clip: Path) -> None:
    """Start it apart from us: it draws on the desktop, not on this terminal."""
    process = subprocess.Popen(
        [player, str(clip)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=process.wait, name="player", daemon=True).start()  # leaves no zombie
