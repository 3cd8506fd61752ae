"""A list of all settings, made from ``settings.py``: for the sample file, the docs, and advice.

Reads the types only. What a file says is the business of ``settings_file.py``.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from mailstack.settings import Octets, Settings
from mailstack.settings_section import Section

_PLAIN = {str: "a text", int: "a number", float: "a number", bool: "true or false"}
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of ``mailstack.toml``."""

    name: str
    """Dotted, as ``--set`` takes it: ``greylist.delay``."""
    kind: str
    """What a value looks like, for a person: ``number, at least 1``."""
    description: str
    required: bool
    default: object
    takes: type
    """``str``, ``tuple`` or ``object``: how a bare word after ``--set KEY=`` is understood."""
    is_size: bool

    @property
    def section(self) -> str:
        """Name of its table; empty for the keys above all tables."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        """The name inside its table."""
        return self.name.rpartition(".")[2]

    @property
    def default_toml(self) -> str:
        """The default as the file would spell it; empty when there is none."""
        if self.required or self.default is None:
            return ""
        return to_toml(self.default, is_size=self.is_size)


@cache
def catalogue() -> tuple[Setting, ...]:
    """Every setting, in the order of the file: plain keys first, then table by table."""
    found = tuple(_walk(Settings, ""))
    return tuple(s for s in found if not s.section) + tuple(s for s in found if s.section)


@cache
def sections() -> dict[str, str]:
    """Name of each table → what it is about, in the order of the file."""
    return {
        name: (model.__doc__ or "").strip()
        for name, field in Settings.model_fields.items()
        if (model := _section(field)) is not None
    }


def to_toml(value: object, *, is_size: bool = False) -> str:
    """Spell a setting's value in TOML. A size that is whole mebibytes is written with its unit."""
    if is_size and isinstance(value, int) and value and value % _MIB == 0:
        return f'"{value // _MIB}MiB"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(to_toml(item) for item in value)}]"
    # JSON's spelling of strings, numbers and booleans is TOML's, as long as it is ASCII
    return json.dumps(value)


def _walk(model: type[Section], prefix: str) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        section = _section(field)
        if section is None:
            yield _setting(f"{prefix}{name}", field)
        else:
            yield from _walk(section, f"{prefix}{name}.")


def _section(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _setting(name: str, field: FieldInfo) -> Setting:
    required = field.is_required()
    return Setting(
        name=name,
        kind=", ".join([_kind(field.annotation, is_size=_is_size(field)), *_limits(field)]),
        description=field.description or "",
        required=required,
        default=None if required else field.get_default(),
        takes=_takes(field.annotation),
        is_size=_is_size(field),
    )


def _kind(annotation: Any, *, is_size: bool) -> str:  # noqa: ANN401 - an annotation is any object
    if is_size:
        return "a size"
    if get_origin(annotation) is Literal:
        return " or ".join(to_toml(choice) for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "a list of texts"
    return _PLAIN.get(annotation, str(annotation))


def _is_size(field: FieldInfo) -> bool:
    """Whether the field is ``Octets``: pydantic moves what marks it into the metadata."""
    marker = get_args(Octets)[1]
    return marker in field.metadata or Octets in get_args(field.annotation)


def _takes(annotation: Any) -> type:  # noqa: ANN401 - an annotation is any object
    if get_origin(annotation) is Literal or annotation is str:
        return str
    return tuple if get_origin(annotation) is tuple else object


def _limits(field: FieldInfo) -> Iterator[str]:
    for limit in field.metadata:
        for attribute, words in (("ge", "at least"), ("gt", "above"), ("le", "at most")):
            value = getattr(limit, attribute, None)
            if value is not None and not (attribute == "ge" and value == 0):
                yield f"{words} {value:g}"
    if NoneType in get_args(field.annotation):
        yield "or unset"
