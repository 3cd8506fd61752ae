"""What an agent tells a program of ours: one JSON file that becomes a dataclass.

The dataclass is the whole description: its fields are the names in the file, and their types say
what may stand there. A list fills a dataclass in the order of its fields (``["host", 25]`` is an
``Endpoint``), an object by their names. Nothing unknown, nothing missing, and nothing is converted:
what was rendered is right, or is rendered anew.

pydantic, which reads what owners write, would double the memory of most of these programs.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from mailstack.errors import ConfigError

_ADVICE = "render the file anew"


class Rendered:
    """A dataclass that is read from a file. Make it frozen, with slots."""

    __slots__ = ()

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the file.

        Raises:
            ConfigError: it cannot be read, is no JSON, or is not what is rendered.
        """
        try:
            found = _made(cls, json.loads(file.read_bytes()), "the file")
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
        except ValueError as error:  # json.JSONDecodeError and UnicodeError are some
            raise ConfigError(str(error), file=file, advice=_ADVICE) from error
        assert isinstance(found, cls)  # noqa: S101 - a programmer's error
        return found


def secret(file: Path) -> str:
    """Read a secret that stands in a file of its own.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return file.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the secret cannot be read: {error}", file=file) from error


def _made(kind: type, value: object, place: str) -> object:
    """Make a dataclass of ``value``; ``ValueError`` says what is wrong with which name."""
    types = get_type_hints(kind)
    given = dict(zip(types, value, strict=False)) if isinstance(value, list) else value
    if not isinstance(given, Mapping) or (isinstance(value, list) and len(value) > len(types)):
        raise ValueError(f"{place} is not what is rendered")
    if unknown := sorted(set(given) - set(types)):
        raise ValueError(f"unknown name {unknown[0]!r}")
    if missing := sorted(_required(kind) - set(given)):
        raise ValueError(f"{missing[0]!r} is missing")
    return kind(**{name: _typed(types[name], one, name) for name, one in given.items()})


def _required(kind: Any) -> set[str]:  # noqa: ANN401 - any dataclass
    return {
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    }


def _typed(kind: Any, value: Any, place: str) -> Any:  # noqa: ANN401 - JSON enters here
    """Check ``value`` against a type, and make that of it."""
    if isinstance(kind, UnionType):
        (inner,) = (one for one in get_args(kind) if one is not NoneType)
        return None if value is None else _typed(inner, value, place)
    if get_origin(kind) is Literal and value in get_args(kind):
        return value
    if get_origin(kind) is tuple and isinstance(value, list):
        return _tuple(get_args(kind), value, place)
    if is_dataclass(kind) and isinstance(kind, type):
        return _made(kind, value, place)
    if kind is Path and type(value) is str:
        return Path(value)
    if type(value) is kind or (kind is float and type(value) is int):
        return value
    raise ValueError(f"{place!r} cannot be {value!r}")


def _tuple(kinds: tuple[Any, ...], values: list[Any], place: str) -> tuple[Any, ...]:
    each = kinds[:1] * len(values) if kinds[-1] is Ellipsis else kinds
    if len(each) != len(values):
        raise ValueError(f"{place!r} cannot be {values!r}")
    return tuple(_typed(kind, value, place) for kind, value in zip(each, values, strict=True))
