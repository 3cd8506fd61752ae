"""Writes the settings file that ``mailstack init`` makes: every key, explained, defaults unset.

A key that is not set is commented out with its default, so that a later release may choose a better
one, and a glance at the file shows what the owner decided.
"""

import textwrap
from collections.abc import Iterator, Mapping

from mailstack.settings_catalogue import Setting, catalogue, sections, to_toml

_WIDTH = 96

_HEAD = """\
# Settings of mailstack. `mailstack init` wrote this file; it is yours to edit.
#
# A line that begins with "# key = value" shows the default: remove the "# " to change it.
# A running stack follows this file: what passes the daemons' own checks is in force in seconds,
# what does not is refused, and `mailstack status` says why.
# One run can differ from the file: mailstack --set greylist.delay=60 up
"""


def sample(chosen: Mapping[str, object]) -> str:
    """The whole file; ``chosen`` maps dotted names to the values that are set."""
    lines = [_HEAD]
    for setting in (s for s in catalogue() if not s.section):
        lines += [*_entry(setting, chosen), ""]
    for section, about in sections().items():
        lines += [f"[{section}]", *_comment(about), ""]
        for setting in (s for s in catalogue() if s.section == section):
            lines += [*_entry(setting, chosen), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _entry(setting: Setting, chosen: Mapping[str, object]) -> Iterator[str]:
    kind = "" if setting.kind == "a text" else f" {setting.kind[:1].upper()}{setting.kind[1:]}."
    yield from _comment(setting.description + kind)
    if setting.name in chosen:
        yield f"{setting.key} = {to_toml(chosen[setting.name], is_size=setting.is_size)}"
    elif setting.default_toml:
        yield f"# {setting.key} = {setting.default_toml}"
    else:
        yield f"# {setting.key} ="


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in textwrap.wrap(text, _WIDTH, break_on_hyphens=False))
