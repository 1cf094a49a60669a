from __future__ import annotations

import io
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.running import RunningDaemon
from wantui import __version__


def refusal(response: httpx2.Response) -> dict[str, Any]:
    """The error of an answer, after a look at its shape."""
    assert response.is_error
    body = response.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) >= {"code", "message", "hint"}
    assert error["message"]
    return dict(error)


def job(**fields: object) -> dict[str, Any]:
    return {"prompt": "a red circle", "model": "demo", "hold": True, **fields}


def picture(format: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, format)
    return buffer.getvalue()


def test_hello_says_who_answers(daemon: RunningDaemon) -> None:
    hello = daemon.call("GET", "/api/hello").json()
    assert hello["version"] == __version__
    assert hello["pid"] == daemon.pid
    assert hello["api_version"] == 1


def test_status_has_all_that_a_first_screen_needs(daemon: RunningDaemon) -> None:
    status = daemon.call("GET", "/api/status").json()
    assert status["event_id"].startswith(status["hello"]["boot"])
    assert {model["id"] for model in status["models"]} >= {"t2v-a14b", "i2v-a14b", "ti2v-5b"}
    assert status["hardware"]["cpu"]["cores"] >= 1
    assert status["queue"]["paused"] is False


def test_the_api_describes_itself(daemon: RunningDaemon) -> None:
    paths = daemon.call("GET", "/openapi.json").json()["paths"]
    assert {"/api/hello", "/api/status", "/api/models", "/api/jobs", "/api/queue"} <= set(paths)
    submit = daemon.call("GET", "/openapi.json").json()["paths"]["/api/jobs"]["post"]
    failure = submit["responses"]["default"]["content"]["application/json"]["schema"]
    assert failure["$ref"].endswith("/ErrorReply")
    assert daemon.call("GET", "/healthz").json() == {"status": "ok"}
    assert daemon.call("GET", "/readyz").json() == {"status": "ready"}


def test_half_a_surrogate_pair_is_refused(daemon: RunningDaemon) -> None:
    error = refusal(daemon.call("POST", "/api/jobs", job(prompt="a \ud83d circle")))
    assert error["code"] == "invalid_request"
    assert error["detail"]["field"] == "prompt"


def test_a_query_parameter_that_nobody_knows_is_refused(daemon: RunningDaemon) -> None:
    error = refusal(daemon.call("GET", "/api/jobs?limits=3"))
    assert (error["code"], error["detail"]["nearest"]) == ("unknown_field", "limit")


@pytest.mark.parametrize(
    ("fields", "field", "nearest"),
    [
        ({"size": "130x128"}, "size", "128x128"),
        ({"size": "100000x32"}, "size", None),
        ({"size": "big"}, "size", "128x128"),
        ({"frames": 16}, "frames", 17),
        ({"frames": 0}, "frames", 1),
        ({"frames": 99}, "frames", 33),
        ({"steps": 0}, "steps", 1),
        ({"steps": 1000}, "steps", 100),
        ({"fps": 0}, "fps", 1),
        ({"seed": -1}, "seed", 0),
        ({"guidance": 99.0}, "guidance", 30),
        ({"guidance_low": 3.0}, "guidance_low", None),
        ({"prompt": ""}, "prompt", None),
        ({"prompt": " \n"}, "prompt", None),
        ({"prompt": "x" * 10_001}, "prompt", None),
        ({"negative_prompt": "x" * 10_001}, "negative_prompt", None),
        ({"quality": "faithfull"}, "quality", "faithful"),
        ({"steps": "20"}, "steps", None),
        ({"steps": 2.5}, "steps", None),
        ({"model": "i2v-a14b"}, "image", None),
    ],
)
def test_a_bad_value_is_refused_with_its_field_and_the_nearest_good_one(
    daemon: RunningDaemon, fields: dict[str, Any], field: str, nearest: object
) -> None:
    response = daemon.call("POST", "/api/jobs", job(**fields))
    assert response.status_code == 422
    error = refusal(response)
    assert error["code"] == "invalid_request"
    assert error["detail"]["field"] == field
    assert error["detail"]["allowed"]
    if nearest is not None:
        assert error["detail"]["nearest"] == nearest


def test_an_unknown_field_is_refused_with_the_nearest_known_one(daemon: RunningDaemon) -> None:
    error = refusal(daemon.call("POST", "/api/jobs", job(stepz=3)))
    assert error["code"] == "unknown_field"
    assert error["detail"]["nearest"] == "steps"
    assert "did you mean steps?" in error["hint"]


def test_an_unknown_model_is_refused_with_the_nearest_one(daemon: RunningDaemon) -> None:
    response = daemon.call("POST", "/api/jobs", job(model="t2v-a14"))
    assert response.status_code == 404
    error = refusal(response)
    assert error["code"] == "unknown_model"
    assert error["detail"]["nearest"] == "t2v-a14b"


def test_absent_weights_are_refused_with_the_command_that_gets_them(
    daemon: RunningDaemon,
) -> None:
    response = daemon.call("POST", "/api/jobs", job(model="Wan-AI/Wan2.2-TI2V-5B-Diffusers"))
    assert response.status_code == 409
    error = refusal(response)
    assert error["code"] == "weights_absent"
    assert "wantui pull ti2v-5b" in error["hint"]
    assert "34.2 GB" in error["message"]


@pytest.mark.parametrize(
    "name", ["t2v-A14B", "wan_implementation:t2v-A14B", "Wan-AI/Wan2.2-T2V-A14B-Diffusers"]
)
def test_old_names_of_a_model_resolve(daemon: RunningDaemon, name: str) -> None:
    response = daemon.call("GET", f"/api/models?name={name}")
    assert [model["id"] for model in response.json()["models"]] == ["t2v-a14b"]


def test_what_is_not_json_is_refused(daemon: RunningDaemon) -> None:
    assert refusal(daemon.call("POST", "/api/jobs", b"{not json"))["code"] == "invalid_request"
    assert refusal(daemon.call("POST", "/api/jobs", b"[1]"))["code"] == "invalid_request"


def test_a_body_that_is_too_long_is_refused(daemon: RunningDaemon) -> None:
    response = daemon.call("POST", "/api/jobs", job(prompt="x" * 2_000_000))
    assert "longer than" in refusal(response)["message"]


@pytest.mark.parametrize(
    "path", ["/api/jobs/999999", "/api/jobs/999999/output", "/api/logs/999999"]
)
def test_an_unknown_job_is_said_to_be_unknown(daemon: RunningDaemon, path: str) -> None:
    response = daemon.call("GET", path)
    assert response.status_code == 404
    assert refusal(response)["code"] == "unknown_job"


@pytest.mark.parametrize("name", ["..%2fwantui.db", "nonsense", "1e3", "٣"])
def test_a_log_that_is_none_of_ours_reaches_no_file(daemon: RunningDaemon, name: str) -> None:
    response = daemon.call("GET", f"/api/logs/{name}")
    assert response.status_code == 404
    assert refusal(response)["message"]


def test_a_route_that_is_not_there_answers_in_the_same_shape(daemon: RunningDaemon) -> None:
    assert refusal(daemon.call("GET", "/api/nonsense"))["code"] == "invalid_request"
    assert daemon.call("DELETE", "/api/hello").status_code == 405


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_kept_under_its_digest(daemon: RunningDaemon, format: str) -> None:
    first = daemon.call("POST", "/api/uploads", picture(format))
    again = daemon.call("POST", "/api/uploads", picture(format))
    assert first.status_code == 201
    assert first.json() == again.json()
    assert first.json()["format"] == format.lower()
    assert (first.json()["width"], first.json()["height"]) == (40, 30)


def test_a_picture_that_lies_on_its_side_counts_as_it_is_shown(daemon: RunningDaemon) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(buffer, "JPEG", exif=exif)
    upload = daemon.call("POST", "/api/uploads", buffer.getvalue()).json()
    assert (upload["width"], upload["height"]) == (30, 40)


def forged_png(width: int, height: int) -> bytes:
    """A real header that promises more pixels than anyone should allocate."""
    content = bytearray(picture("PNG"))
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    import zlib  # noqa: PLC0415 - only here

    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no picture"),
        (b"GIF89a" + b"\0" * 50, "no picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "no picture"),
        (picture("BMP"), "no picture"),
        (forged_png(60_000, 60_000), "too many pixels"),
    ],
)
def test_what_is_no_picture_is_refused_from_its_header(
    daemon: RunningDaemon, content: bytes, says: str
) -> None:
    error = refusal(daemon.call("POST", "/api/uploads", content))
    assert error["code"] in ("invalid_image", "invalid_request")
    assert error["detail"]["field"] == "image"
    assert says in error["message"]


def test_a_job_with_a_picture_that_was_never_sent_is_refused(daemon: RunningDaemon) -> None:
    response = daemon.call("POST", "/api/jobs", job(image="../../wantui.db"))
    assert refusal(response)["code"] == "unknown_upload"


def test_a_held_job_has_everything_resolved(daemon: RunningDaemon) -> None:
    accepted = daemon.call("POST", "/api/jobs", job())
    assert accepted.status_code == 201
    body = accepted.json()
    params = body["params"]
    assert body["state"] == "held"
    assert (params["width"], params["height"], params["frames"]) == (128, 128, 17)
    assert (params["steps"], params["guidance"], params["shift"]) == (20, 3.0, 5.0)
    assert 0 <= params["seed"] < 2**32
    assert daemon.call("POST", f"/api/jobs/{body['id']}/cancel").json()["state"] == "cancelled"


def test_what_is_over_cannot_be_held_cancelled_or_released(daemon: RunningDaemon) -> None:
    number = daemon.call("POST", "/api/jobs", job()).json()["id"]
    daemon.call("POST", f"/api/jobs/{number}/cancel")
    for verb in ("hold", "cancel", "release"):
        response = daemon.call("POST", f"/api/jobs/{number}/{verb}")
        assert response.status_code == 409
        assert refusal(response)["code"] == "wrong_state"


def test_history_is_paged_newest_first(daemon: RunningDaemon) -> None:
    made = [daemon.call("POST", "/api/jobs", job()).json()["id"] for _ in range(3)]
    for number in made:
        daemon.call("POST", f"/api/jobs/{number}/cancel")
    page = daemon.call("GET", "/api/jobs?limit=2").json()
    assert [each["id"] for each in page["jobs"]] == made[:0:-1]
    older = daemon.call("GET", f"/api/jobs?limit=1&before={page['next_before']}").json()
    assert [each["id"] for each in older["jobs"]] == made[:1]
    cancelled = daemon.call("GET", "/api/jobs?state=cancelled&limit=500").json()["jobs"]
    assert {each["state"] for each in cancelled} == {"cancelled"}
