"""An owner's ``master.cf`` merged into ours, service by service, as ``postconf -M`` and ``-P`` do.

Two forms: a whole service in eight fields replaces ours of that name and type, or is added;
"service/type/parameter = value" sets one ``-o`` of a service. The public services may be called
smtp, submission and submissions, whatever address and port they have at this site.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailstack.daemons.postfix.logical_lines import Logical, Override, logical_lines, replace
from mailstack.errors import ConfigError

NAME = "master.cf"
_TYPES = ("inet", "unix", "unix-dgram", "fifo", "pass")
_FIELDS = 8
_WORD = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}|\S+")
"""A word, or a group in braces that may hold one more level: ``{ name = { a b } }``."""
_PARAMETER = re.compile(
    r"(?P<name>\S+)/(?P<type>[a-z-]+)/(?P<parameter>[^\s/=]+)\s*=\s*(?P<value>.*)", re.DOTALL
)


@dataclass(slots=True)
class _Services:
    """Services so far by "name/type", and which of them the owner changed."""

    names: Mapping[str, str]
    text: dict[str, str]
    changed: dict[str, Override] = field(default_factory=dict)

    def key(self, name: str, kind: str) -> str:
        return f"{self.names.get(name, name) if kind == 'inet' else name}/{kind}"

    def put(self, key: str, text: str, line: Logical) -> None:
        self.text[key] = text
        self.changed[key] = Override(text, NAME, line.number)


def merge(base: str, text: str, folder: Path, names: Mapping[str, str]) -> str:
    """Merge ``text``, the owner's file, into our rendering.

    ``names`` maps what an owner calls a public service to its first field here.

    Raises:
        ConfigError: a line has neither form, or sets a parameter of no service.
    """
    file = folder / NAME
    services = _Services(names, {_key(s.text): s.text for s in logical_lines(base, file)})
    for line in logical_lines(text, file):
        if setting := _PARAMETER.fullmatch(line.text):
            _set_parameter(services, setting, line, file)
        else:
            _set_service(services, line, file)
    return replace(base, services.changed, _key)


def command(service: str) -> str:
    """Return the program of a service."""
    words: list[str] = _WORD.findall(service)
    return words[_FIELDS - 1]


def _key(text: str) -> str:
    name, kind = text.split(None, 2)[:2]
    return f"{name}/{kind}"


def _set_service(services: _Services, line: Logical, file: Path) -> None:
    words = _WORD.findall(line.text)
    if len(words) < _FIELDS or words[1] not in _TYPES:
        raise ConfigError(
            f"{line.text.splitlines()[0]!r} is no service",
            file=file,
            line=line.number,
            advice='write "service type private unpriv chroot wakeup maxproc command", '
            'or "service/type/parameter = value"',
        )
    key = services.key(words[0], words[1])
    services.put(key, key.rpartition("/")[0] + line.text[len(words[0]) :], line)


def _set_parameter(services: _Services, setting: re.Match[str], line: Logical, file: Path) -> None:
    key = services.key(setting["name"], setting["type"])
    if key not in services.text:
        raise ConfigError(
            f"there is no service {key}",
            file=file,
            line=line.number,
            advice=f"the services are {', '.join(sorted(services.text))}",
        )
    value = " ".join(setting["value"].split())
    services.put(key, _with_option(services.text[key], setting["parameter"], value), line)


def _with_option(service: str, parameter: str, value: str) -> str:
    """Return ``service`` with ``-o parameter=value`` instead of what it said of that parameter."""
    words = _WORD.findall(service)
    fixed, args = words[:_FIELDS], words[_FIELDS:]
    option = f"{{ {parameter} = {value} }}" if " " in value or not value else f"{parameter}={value}"
    options = {_option_name(arg): arg for arg in _options(args)}
    options[parameter] = f"-o {option}"
    return "\n".join(["  ".join(fixed), *(f"    {arg}" for arg in options.values())])


def _options(args: list[str]) -> list[str]:
    """Join each ``-o`` with its value."""
    joined: list[str] = []
    for arg in args:
        if joined and joined[-1] == "-o":
            joined[-1] = f"-o {arg}"
        else:
            joined.append(arg)
    return joined


def _option_name(option: str) -> str:
    """Return what an ``-o`` sets; any other argument stands for itself."""
    if not option.startswith("-o "):
        return option
    return option.removeprefix("-o ").lstrip("{ ").partition("=")[0].strip()
