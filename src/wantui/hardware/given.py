"""A profile that somebody names or hands over, to plan for a machine that this is not."""

from __future__ import annotations

import tomllib

from pydantic import ValidationError

from wantui.errors import InvalidRequest
from wantui.hardware.profile import Profile
from wantui.hardware.profiles import EXTENDS, Profiles
from wantui.text import nearest, one_line


def named(profiles: Profiles, name: str) -> Profile:
    """Raises InvalidRequest naming the nearest."""
    known = {kept.profile.name: kept.profile for kept in profiles.kept}
    if name not in known:
        raise InvalidRequest.for_field(
            "profile",
            f"no profile is called {one_line(name, 80)!r}",
            allowed=", ".join(sorted(known)),
            nearest=nearest(name, known),
        )
    return known[name]


def read(profiles: Profiles, text: str) -> Profile:
    """A profile as TOML, whole or one that `extends` another. Raises InvalidRequest."""
    try:
        entry: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest.for_field(
            "machine", f"it is not TOML: {error}", allowed="a profile, as `wantui hw --export`"
        ) from error
    base = named(profiles, str(entry.pop(EXTENDS))).model_dump() if EXTENDS in entry else {}
    try:
        return Profile.model_validate({"name": "given", "summary": "", **base, **entry})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidRequest.for_field(
            "machine", f"{where}: {first['msg']}", allowed="a profile, as `wantui hw --export`"
        ) from error
