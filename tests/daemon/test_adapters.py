"""Adapters in a real daemon: sent, found, renamed, removed, and there after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.test_api import refusal
from tests.hub import wait_until
from tests.loras import (
    LAYERS,
    RANK,
    Shapes,
    diffusers_shapes,
    kohya_shapes,
    lora_file,
    original_shapes,
)
from tests.running import RunningDaemon, running_daemon
from wantui.errors import DaemonUnreachable, InvalidAdapter, NameTaken, UnknownAdapter

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

CONTENT = lora_file(diffusers_shapes())
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LIMIT = 2_000_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="module")
def own_daemon(home: Path) -> Iterator[RunningDaemon]:
    with running_daemon(home, f"[limits]\nadapter_bytes = {LIMIT}\n") as daemon:
        yield daemon


@pytest.fixture
def daemon(own_daemon: RunningDaemon) -> Iterator[RunningDaemon]:
    """Without any adapter, before and after."""
    yield own_daemon
    for adapter in own_daemon.call("GET", "/api/adapters").json()["adapters"]:
        own_daemon.call("DELETE", f"/api/adapters/{adapter['id']}")
    assert list(own_daemon.paths.adapters.iterdir()) == []


def send(
    daemon: RunningDaemon, content: bytes, file: str = "a.safetensors", name: str = ""
) -> dict[str, Any]:
    query = f"?file={file}" + (f"&name={name}" if name else "")
    return dict(daemon.call("POST", f"/api/adapters{query}", content).json())


def names(daemon: RunningDaemon) -> list[str]:
    return [each["name"] for each in daemon.call("GET", "/api/adapters").json()["adapters"]]


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def test_one_that_is_sent_is_kept_by_its_digest_with_all_that_is_known(
    daemon: RunningDaemon,
) -> None:
    response = daemon.call("POST", "/api/adapters?file=My%20LoRA_high_noise.SafeTensors", CONTENT)
    assert response.status_code == 201
    adapter = response.json()
    assert (adapter["id"], adapter["bytes"]) == (DIGEST, len(CONTENT))
    assert (adapter["name"], adapter["noise_hint"]) == ("My-LoRA_high_noise", "high")
    assert (adapter["rank"], adapter["layers"]) == (RANK, LAYERS)
    assert (adapter["naming"], adapter["dtype"]) == ("diffusers", "F32")
    assert adapter["base_models"] == ["demo"]
    assert adapter["source"]["file"] == "My LoRA_high_noise.SafeTensors"
    kept = daemon.paths.adapters / f"{DIGEST}.safetensors"
    assert kept.read_bytes() == CONTENT
    assert kept.stat().st_mode & 0o777 == 0o600
    assert daemon.call("GET", f"/api/adapters/{DIGEST}").json() == adapter
    assert daemon.call("GET", "/api/adapters").json() == {"adapters": [adapter]}


def test_the_same_bytes_twice_are_one_and_take_a_name_that_is_asked_for(
    daemon: RunningDaemon,
) -> None:
    first = send(daemon, CONTENT)
    again = daemon.call("POST", "/api/adapters?file=b.safetensors", CONTENT)
    assert again.status_code == 200
    assert again.json() == first
    renamed = send(daemon, CONTENT, "c.safetensors", "better")
    assert renamed == {**first, "name": "better"}
    assert send(daemon, CONTENT, "c.safetensors", "better") == renamed
    assert names(daemon) == ["better"]
    assert len(list(daemon.paths.adapters.glob("*.safetensors"))) == 1


def test_names_are_one_adapters_alone(daemon: RunningDaemon) -> None:
    send(daemon, CONTENT, "style.safetensors")
    other = lora_file(diffusers_shapes(), fill=1)
    second = send(daemon, other, "Style.safetensors")
    assert second["name"] == f"Style-{second['id'][:8]}"
    third = daemon.call(
        "POST", "/api/adapters?file=x.safetensors&name=STYLE", lora_file(kohya_shapes())
    )
    assert third.status_code == 409
    assert refusal(third)["code"] == "name_taken"
    assert len(names(daemon)) == 2


@pytest.mark.parametrize("name", ["a:1", "a@high", "a/b", "-a", " a", "a" * 81, DIGEST, "%0Aa"])
def test_a_name_that_cannot_be_written_behind_an_option_is_refused(
    daemon: RunningDaemon, name: str
) -> None:
    response = daemon.call("POST", f"/api/adapters?file=x.safetensors&name={name}", CONTENT)
    assert refusal(response)["detail"]["field"] == "name"


async def test_one_is_found_by_name_id_and_the_beginning_of_its_id(daemon: RunningDaemon) -> None:
    sent = send(daemon, CONTENT, "style.safetensors")
    async with daemon.client() as client:
        for name in ("style", "STYLE", DIGEST, DIGEST[:4], DIGEST[:12].upper()):
            assert (await client.adapter(name)).id == sent["id"]
        for unknown in (DIGEST[:3], "stile", "../jobs", "f" * 64):
            with pytest.raises(UnknownAdapter):
                await client.adapter(unknown)
        with pytest.raises(UnknownAdapter) as caught:
            await client.adapter("stile")
        assert caught.value.hint == "did you mean style?"
        with pytest.raises(UnknownAdapter):
            await client.remove_adapter("style")
        await client.remove_adapter(DIGEST)
        assert await client.adapters() == ()


def short(value: object) -> str | None:
    """A test's name is in its process' environment, which has not room for a LoRA."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else None


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("a.PT", CONTENT, "is not a .safetensors file"),
        ("a.Ckpt", b"PK\x03\x04" + bytes(50), "is not a .safetensors file"),
        ("a.safetensors", b"PK\x03\x04" + bytes(50), "is a PyTorch pickle"),
        ("a.safetensors", b"\x80\x02}q\x00." + bytes(50), "is a pickle"),
        ("a.safetensors", b"", "does not begin as"),
        ("a.safetensors", CONTENT[:-1], "is not a safetensors file"),
        ("a.safetensors", CONTENT + b"x", "is not a safetensors file"),
        ("a.safetensors", lora_file({"model.weight": (2, 2)}), "is no LoRA for a Wan"),
        ("a.safetensors", lora_file(diffusers_shapes(dim=8, ffn=16)), "fits no model"),
    ],
    ids=short,
)
def test_what_is_no_adapter_is_refused_and_leaves_nothing(
    daemon: RunningDaemon, file: str, content: bytes, says: str
) -> None:
    response = daemon.call("POST", f"/api/adapters?file={file}", content)
    assert response.status_code == 422
    error = refusal(response)
    assert says in error["message"]
    assert error["code"] in ("invalid_adapter", "adapter_unfit")
    assert list(daemon.paths.adapters.iterdir()) == []


def head_of(content: bytes) -> bytes:
    return content[: 8 + int.from_bytes(content[:8], "little")]


@pytest.mark.parametrize(
    ("file", "content", "size", "status", "says"),
    [
        ("a.PT", CONTENT, None, 422, "is not a .safetensors file"),
        ("a.safetensors", b"PK\x03\x04" + bytes(50), None, 422, "is a PyTorch pickle"),
        ("a.safetensors", CONTENT, len(CONTENT) - 1, 422, "is not a safetensors file"),
        ("a.safetensors", CONTENT, 10, 422, "is not a safetensors file"),
        ("a.safetensors", lora_file(diffusers_shapes(dim=8, ffn=16)), None, 422, "fits no model"),
        ("a.safetensors", CONTENT, LIMIT + 1, 422, "2.0 MB are allowed"),
        ("a.safetensors&name=a:b", CONTENT, None, 422, "is no name for an adapter"),
    ],
    ids=short,
)
def test_its_header_alone_tells_whether_one_will_be_taken(
    daemon: RunningDaemon, file: str, content: bytes, size: int | None, status: int, says: str
) -> None:
    query = f"size={len(content) if size is None else size}&file={file}"
    response = daemon.call("POST", f"/api/adapters/check?{query}", head_of(content))
    assert response.status_code == status
    assert says in refusal(response)["message"]
    assert list(daemon.paths.adapters.iterdir()) == []


def test_one_that_will_be_taken_is_named_and_nothing_is_kept_yet(daemon: RunningDaemon) -> None:
    query = f"size={len(CONTENT)}&file=style.safetensors"
    checked = daemon.call("POST", f"/api/adapters/check?{query}", head_of(CONTENT))
    assert checked.json() == {"name": "style", "base_models": ["demo"]}
    assert list(daemon.paths.adapters.iterdir()) == []


def test_one_for_which_there_is_no_room_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with running_daemon(tmp_path, f"[limits]\nadapter_bytes = {2**60}\n") as daemon:
        query = f"size={2**59}&file=style.safetensors"
        response = daemon.call("POST", f"/api/adapters/check?{query}", head_of(CONTENT))
        assert response.status_code == 507
        assert refusal(response)["code"] == "disk_full"


async def test_a_pickle_reaches_no_disk(daemon: RunningDaemon) -> None:
    seen: set[str] = set()

    async def watched() -> AsyncIterator[bytes]:
        yield b"PK\x03\x04" + bytes(60_000)
        for _ in range(10):
            yield bytes(100_000)
            for path in daemon.paths.adapters.iterdir():
                if path.stat().st_size:
                    seen.add(path.name)

    async with daemon.client() as client:
        with pytest.raises(InvalidAdapter, match="a PyTorch pickle"):
            await client.send_adapter(watched(), 1_060_004, "a.safetensors")
    assert seen == set()


def test_one_that_is_larger_than_the_limit_is_refused(daemon: RunningDaemon) -> None:
    content = lora_file(diffusers_shapes() | {f"{'x' * 9}.lora_A.weight": (LIMIT, 1)})
    response = daemon.call("POST", "/api/adapters?file=a.safetensors", content)
    assert "longer than 2.0 MB" in refusal(response)["message"]
    assert list(daemon.paths.adapters.iterdir()) == []


async def test_a_client_that_goes_away_leaves_nothing(daemon: RunningDaemon) -> None:
    class Gone(Exception):
        pass

    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT[:5000]
        raise Gone

    async with daemon.client() as client:
        with pytest.raises(Gone):
            await client.send_adapter(broken(), len(CONTENT), "a.safetensors")
    wait_until(lambda: list(daemon.paths.adapters.iterdir()) == [])
    assert names(daemon) == []


async def test_ten_that_come_at_once_are_told_apart(daemon: RunningDaemon) -> None:
    made: list[Shapes] = [diffusers_shapes(), original_shapes(), kohya_shapes()]
    contents = [lora_file(shapes, fill) for shapes in made for fill in range(3)]
    results: list[dict[str, Any]] = []
    threads = [
        threading.Thread(
            target=lambda c=content: results.append(send(daemon, c, "same.safetensors"))
        )
        for content in [*contents, contents[0]]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 10
    assert {each["id"] for each in results} == {hashlib.sha256(c).hexdigest() for c in contents}
    assert len({name.casefold() for name in names(daemon)}) == 9


def test_after_a_kill_what_was_kept_is_there_and_half_of_one_is_not(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        kept = send(daemon, CONTENT, "style.safetensors")
        daemon.kill()
        folder = daemon.paths.adapters
        orphan = "1" * 64
        facts = json.loads((folder / f"{DIGEST}.json").read_text())
        (folder / f"{orphan}.json").write_text(json.dumps({**facts, "id": orphan, "name": "half"}))
        (folder / ".incoming.0.wantui-tmp").write_bytes(b"half")
        stranger = folder / f"{'2' * 64}.safetensors"
        stranger.write_bytes(b"put there by hand")
        successor = daemon.restart()
        try:
            assert successor.call("GET", "/api/adapters").json()["adapters"] == [kept]
        finally:
            successor.stop()
        left = {path.name for path in folder.iterdir()}
        assert left == {f"{DIGEST}.json", f"{DIGEST}.safetensors", stranger.name}


def test_one_whose_file_is_cut_is_not_there_until_it_is_added_again(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        send(daemon, CONTENT, "style.safetensors")
        daemon.stop()
        path = daemon.paths.adapters / f"{DIGEST}.safetensors"
        os.truncate(path, 100)
        successor = daemon.restart()
        try:
            assert names(successor) == []
            send(successor, CONTENT, "style.safetensors")
            assert names(successor) == ["style"]
            assert path.read_bytes() == CONTENT
        finally:
            successor.stop()


@pytest.mark.slow
async def test_kills_during_uploads_leave_whole_adapters_or_none(tmp_path: Path) -> None:
    """Killed at some moment of each of several uploads; what is listed later is whole."""
    with running_daemon(tmp_path) as daemon:
        running, outcomes = daemon, []
        for number in range(8):
            content = lora_file(diffusers_shapes(rank=60), fill=number)
            killer = threading.Timer(0.005 * number, running.kill)

            async def sent(content: bytes = content, killer: Any = killer) -> AsyncIterator[bytes]:
                killer.start()
                async for piece in pieces(content, 20_000):
                    yield piece

            async with running.client() as client:
                try:
                    await client.send_adapter(sent(), len(content), f"n{number}.safetensors")
                    outcomes.append(True)
                except DaemonUnreachable:
                    outcomes.append(False)
            killer.join()
            running = running.restart()
            assert outcomes[-1] <= (f"n{number}" in names(running))
            for adapter in running.call("GET", "/api/adapters").json()["adapters"]:
                path = running.paths.adapters / f"{adapter['id']}.safetensors"
                assert hashlib.sha256(path.read_bytes()).hexdigest() == adapter["id"]
        running.stop()
        left = sorted(path.suffix for path in running.paths.adapters.iterdir())
        assert left.count(".json") * 2 == len(left)


async def test_the_client_has_typed_refusals(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        await client.send_adapter(pieces(CONTENT), len(CONTENT), "a.safetensors", "mine")
        other = lora_file(kohya_shapes())
        with pytest.raises(NameTaken):
            await client.send_adapter(pieces(other), len(other), "a.safetensors", "mine")


def test_the_routes_describe_themselves(daemon: RunningDaemon) -> None:
    paths = daemon.call("GET", "/openapi.json").json()["paths"]
    assert set(paths["/api/adapters"]) == {"get", "post"}
    assert set(paths["/api/adapters/{adapter_id}"]) == {"get", "delete"}
    body = paths["/api/adapters"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/octet-stream"}
    error = refusal(daemon.call("POST", "/api/adapters/pull", {"repo": "a/b", "file": "c"}))
    assert error["code"] == "unknown_field"
    assert error["detail"]["nearest"] == "repository"
