"""Gallery: finished clips, how they were made, and what can be done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.widgets import Input

from wantui.api.job import Job
from wantui.client import Client, words
from wantui.client.local_copy import LocalCopies
from wantui.client.saving import check_target, save_output, suggested_target, typed_target
from wantui.errors import NoPicture, WantuiError
from wantui.text import bytes_text, clean, duration_text
from wantui.tui import upkeep
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.desktop import PLAYERS, clipboard_note, local_player, play
from wantui.tui.filter import matching
from wantui.tui.latest import run_latest
from wantui.tui.screens.area import AreaScreen
from wantui.tui.screens.player import Player
from wantui.tui.thumbnails import Thumbnails
from wantui.tui.tone import Tone
from wantui.tui.widgets.ask import Ask
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.list_head import ListHead
from wantui.tui.widgets.picture import Picture
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
EMPTY = "no clips yet: press {} and write a prompt"
NO_MATCH = "no clip matches: {} loads older ones, esc clears the filter"
FILTER_HINT = "words of the prompt, a model, an id"
LOOK_AFTER_S = 0.15
"""How long a clip is chosen before its picture is fetched: whoever runs down the list sees none."""


class GalleryScreen(AreaScreen):
    AREA = Area.GALLERY
    BINDINGS = bindings(Area.GALLERY)
    AUTO_FOCUS = "#clips"

    def __init__(self) -> None:
        super().__init__()
        self._thumbnails = Thumbnails()
        self._copies = LocalCopies()
        self._filter = ""
        self._shown: int | None = None
        """The clip whose picture is shown, or on its way."""
        self._look: Timer | None = None

    def body(self) -> ComposeResult:
        with Container(classes="halves"):
            with Vertical(id="clip-list"):
                yield ListHead()
                yield Table(*COLUMNS, empty=self._empty(), id="clips")
            with Container(id="clip"):
                yield Picture(id="thumbnail")
                yield Facts(id="clip-facts")

    def draw(self, session: Session) -> None:
        self.query_one("#thumbnail", Picture).plain = session.low_bandwidth
        clips = session.state.clips
        shown = matching(clips, self._filter)
        self._table.empty = self._empty(filtered=bool(clips))
        self._table.show([clip_row(job) for job in shown])
        told = f"{len(shown)} of {len(clips)} clips; esc back"
        self._head.say([(told, Tone.MUTED)] if self._filter else [])
        self._draw_details()

    def _empty(self, *, filtered: bool = False) -> str:
        """What a list without clips says."""
        if filtered:
            return NO_MATCH.format(self.key("gallery.older"))
        return EMPTY.format(self.key("app.area.generate"))

    @on(Table.Moved)
    def _draw_details(self) -> None:
        clip = self.clip
        self.query_one("#clip-facts", Facts).show(clip_facts(clip) if clip else ())
        if (clip.id if clip else None) != self._shown:
            self._shown = clip.id if clip else None
            self._look_soon(clip)

    @property
    def clip(self) -> Job | None:
        """The chosen one."""
        session, chosen = self.wantui.session, self._table.chosen
        return session.state.jobs.get(chosen) if session and isinstance(chosen, int) else None

    def shows(self, job_id: int) -> bool:  # noqa: ARG002 - a clip appears here
        return True

    @property
    def _table(self) -> Table:
        return self.query_one(Table)

    @property
    def _head(self) -> ListHead:
        return self.query_one(ListHead)

    # --- the filter ---

    def action_filter(self) -> None:
        self._head.ask("filter", self._filter, FILTER_HINT)

    def action_leave(self) -> None:
        """Out of the filter."""
        self._filter = ""
        self._head.close()
        self._table.focus()
        self.redraw()

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        if event.value != self._filter:
            self._filter = event.value
            self.redraw()

    @on(Input.Submitted)
    def _take(self) -> None:
        self._table.focus()
        if not self._filter:
            self._head.close()

    # --- the thumbnail ---

    def _look_soon(self, clip: Job | None) -> None:
        if self._look is not None:
            self._look.stop()
        picture = self.query_one("#thumbnail", Picture)
        if clip is None:
            picture.show(None)
        elif (known := self._thumbnails.get(clip.id)) is not None:
            picture.show(known)
        else:
            self._look = self.set_timer(LOOK_AFTER_S, lambda: self._look_at(clip.id))

    def _look_at(self, job_id: int) -> None:
        run_latest(self, "thumbnail", self._fetch_thumbnail, job_id)

    async def _fetch_thumbnail(self, job_id: int) -> None:
        picture = self.query_one("#thumbnail", Picture)
        if (session := self.wantui.session) is None:
            return
        try:
            content = await session.bridge.call(
                lambda client: self._thumbnails.fetch(client, job_id)
            )
        except NoPicture as error:
            picture.show(None, error.message)
        except WantuiError:
            self._shown = None  # another look, once there is a daemon
        else:
            picture.show(content)

    # --- actions ---

    @on(Table.Opened)
    def action_play(self) -> None:
        """In this terminal."""
        if (clip := self._chosen("play")) is None or (session := self.wantui.session) is None:
            return
        title = f"job {clip.id}: {clip.params.prompt}"

        async def fetch() -> bytes:
            return await session.bridge.call(lambda client: whole_proxy(client, clip.id))

        self.app.push_screen(Player(title, fetch, slow_line=session.low_bandwidth))

    def action_open(self) -> None:
        """In a player of the desktop; a box without one has none to open."""
        player = local_player()
        if (clip := self._chosen("open")) is None:
            return
        if player is None:
            tried = ", ".join(PLAYERS)
            play, save = self.key("gallery.play"), self.key("gallery.save")
            said = f"no player here (tried {tried}): {play} plays, {save} saves a copy"
            self.tell(said, Tone.WARN)
        else:
            self.wantui.work(self._opened(clip, player))

    async def _opened(self, clip: Job, player: str) -> None:
        if (session := self.wantui.session) is None or clip.output is None:
            return
        path = await self._copies.here(clip)
        if path is None:
            self.tell(f"fetching {bytes_text(clip.output.bytes)}", Tone.BUSY)
            path = await self._copies.fetch(session.bridge.client, clip)
        play(player, path)
        self.tell(f"opened with {player}: {path}", Tone.GOOD)

    def action_copy(self) -> None:
        if (clip := self._chosen("copy")) is not None and clip.output is not None:
            path, note = clean(clip.output.path), clipboard_note()
            self.app.copy_to_clipboard(path)
            self.tell(f"copied{note and f' ({note})'}: {path}", Tone.GOOD)

    def action_save(self) -> None:
        if (clip := self._chosen("save")) is None:
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

    def action_remove(self) -> None:
        """After a question that names the clip and every byte."""
        if (clip := self._chosen("remove")) is not None:
            upkeep.remove(self.wantui, [clip])

    def action_older(self) -> None:
        self.wantui.load_older(clips=True)

    def _chosen(self, verb: str) -> Job | None:
        """The chosen clip; that there is none is said."""
        if (clip := self.clip) is None:
            self.tell(f"no clip to {verb}")
        return clip


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


async def whole_proxy(client: Client, job_id: int) -> bytes:
    """Raises NoPicture, with what can be done instead."""
    return b"".join([piece async for piece in client.proxy(job_id)])
