"""From ``mailstack.toml`` and ``--set KEY=VALUE`` to ``Settings``; each mistake as one line.

A mistake names the file and the line (or the ``--set``), the setting as the owner writes it, and
what to write instead. The first one is told, with the number of others: most follow from it.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mailstack.errors import ConfigError
from mailstack.settings import Settings
from mailstack.settings_catalogue import catalogue, sections

MAX_FILE_OCTETS = 1024**2
"""A settings file has a few dozen lines; more is a wrong file, and is not read into memory."""

_LINE = re.compile(
    r"\s*(?:\[\s*(?P<table>[\w.\s-]+?)\s*\]|(?P<key>[\w.-]+(?:\s*\.\s*[\w-]+)*)\s*=)"
)
_TOML_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where values came from, to point at the place of a mistake."""

    file: Path
    lines: Mapping[str, int] = field(default_factory=dict)
    sets: Mapping[str, str] = field(default_factory=dict)

    def error(self, name: str, what: str, advice: str = "") -> ConfigError:
        if name in self.sets:
            return ConfigError(f"--set {self.sets[name]}: {what}", advice=advice)
        return ConfigError(what, file=self.file, line=self.lines.get(name), advice=advice)


def load(file: Path, sets: Sequence[str] = ()) -> Settings:
    """Read the file, put the ``KEY=VALUE`` pairs on top, check the whole.

    Raises:
        ConfigError: the file cannot be read or parsed, or a setting is unknown or wrong.
    """
    text = _read(file)
    values = _parse(text, file)
    pairs = [_split(item) for item in sets]
    for name, value in pairs:
        _put(values, name, value)
    source = _Source(
        file, lines_of(text), dict(zip((name for name, _ in pairs), sets, strict=True))
    )
    return validate(values, source)


def validate(values: Mapping[str, Any], source: _Source) -> Settings:
    """Check ``values``; a mistake is told in words about ``source``."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _explain(error, source) from None


def check(values: Mapping[str, Any]) -> Settings:
    """Check values that come from no file.

    Raises:
        ConfigError: one is wrong; the text names the setting.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, _Source(Path())).what) from None


def lines_of(text: str) -> dict[str, int]:
    """Dotted name of each table and key → the line it stands on. ``text`` is valid TOML."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.match(line)
        if match is None:
            continue
        if match["table"]:
            table = f"{_no_space(match['table'])}."
            lines.setdefault(table[:-1], number)
        else:
            lines.setdefault(table + _no_space(match["key"]), number)
    return lines


def _no_space(name: str) -> str:
    return "".join(name.split())


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_OCTETS + 1)
    except FileNotFoundError:
        raise ConfigError(
            "no settings file here",
            file=file,
            advice="make one with 'mailstack init DOMAIN --email ADDRESS' or name it by --config",
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
    if len(data) > MAX_FILE_OCTETS:
        raise ConfigError("larger than 1 MiB, so it is no settings file", file=file)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text", file=file, line=line) from error


def _parse(text: str, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line = int(place["line"]) if place and place["line"] else len(text.splitlines())
        what = _TOML_PLACE.sub("", str(error))
        what = what[:1].lower() + what[1:]
        raise ConfigError(f"not TOML: {what}", file=file, line=line) from error


def _split(item: str) -> tuple[str, Any]:
    """Split ``KEY=VALUE``. The value is TOML, else a plain string: ``--set zone=fra1``."""
    name, equals, raw = item.partition("=")
    name = name.strip()
    if not equals or not name:
        raise ConfigError(f"--set {item}: not KEY=VALUE", advice="write e.g. greylist.delay=60")
    return name, _value(name, raw.strip())


def _value(name: str, raw: str) -> object:
    takes = next((s.takes for s in catalogue() if s.name == name), object)
    try:
        parsed = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError:
        parsed = {}
    value = parsed["value"] if parsed.keys() == {"value"} else raw
    if takes is str and not isinstance(value, str):
        return raw
    if takes is tuple and not isinstance(value, list):
        return [value] if value else []
    return value


def _put(values: dict[str, Any], name: str, value: object) -> None:
    *tables, key = name.split(".")
    for table in tables:
        inner = values.setdefault(table, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {name}: {table!r} is a plain setting, not a table")
        values = inner
    values[key] = value


def _explain(error: ValidationError, source: _Source) -> ConfigError:
    problems = error.errors(include_url=False)
    told = min(problems, key=lambda p: source.lines.get(_name(p["loc"]), 0))
    name = _name(told["loc"])
    what, advice = _words(told["type"], name, told["msg"], told.get("input"))
    if len(problems) > 1:
        what += f" (and {len(problems) - 1} more)"
    return source.error(name, what, advice)


def _name(location: tuple[int | str, ...]) -> str:
    """Dotted name of the setting; the index of a list's item does not belong to it."""
    return ".".join(part for part in location if isinstance(part, str))


def _words(kind: str, name: str, message: str, given: object) -> tuple[str, str]:
    if kind == "extra_forbidden":
        return f"unknown setting {name!r}", _nearest(name)
    if kind == "missing":
        return f"the setting {name!r} is missing", f'add a line like {name} = "…"'
    if kind == "value_error":
        message = message.removeprefix("Value error, ")
        return (f"{name}: {message}" if name else message), ""
    if name in sections():
        return f"{name} must be a table, not {given!r}", f"write its settings below a line [{name}]"
    if kind == "string_pattern_mismatch":
        return f"{name} must {message.partition('should ')[2]}, which {given!r} does not", ""
    wanted = next((s.kind for s in catalogue() if s.name == name), message)
    return f"{name} must be {wanted}, not {given!r}", ""


def _nearest(name: str) -> str:
    known = [s.name for s in catalogue()] + list(sections())
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    # a known key in the wrong table is nearer than any spelling
    near = [k for k in known if k.rpartition(".")[2] == name.rpartition(".")[2]][:1] or near
    return f"did you mean {near[0]!r}?" if near else "docs/reference/settings.md lists all of them"
