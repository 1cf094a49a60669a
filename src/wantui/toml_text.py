"""Values and keys as TOML has them, each on one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomlkit.items import Item


def value_text(value: object) -> str:
    """Of what TOML can say; a mapping is an inline table. Raises ValueError for anything else."""
    return _item(value).as_string()


def key_text(name: str) -> str:
    """Bare where it can be, else quoted."""
    import tomlkit  # noqa: PLC0415 - it takes a while, and few need it

    return tomlkit.key(name).as_string()


def _item(value: object) -> Item:
    import tomlkit  # noqa: PLC0415 - as above

    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        for key, each in value.items():
            table.append(str(key), _item(each))
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for each in value:
            array.append(_item(each))
        return array
    return tomlkit.item(value)
