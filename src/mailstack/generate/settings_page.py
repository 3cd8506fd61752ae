"""docs/reference/settings.md, from the types of the settings."""

from collections.abc import Iterable

from mailstack.generate.markdown import code, page, table
from mailstack.settings_catalogue import Setting, catalogue, sections

_ABOUT = """\
Settings stand in `mailstack.toml`, which `mailstack init` writes. One run may differ from the file:
`--set greylist.delay=60`, as often as wanted; the value is TOML, or a plain word. Unknown names are
errors. A size is written like `2GiB`, `500MB` or `1048576`.
"""


def settings_page() -> str:
    """Every setting with its default and the reason for it."""
    parts = [_ABOUT, "## At the top of the file\n", _table("")]
    for section, about in sections().items():
        parts += [f"## [{section}]\n", about + "\n", _table(section)]
    return page("Settings", "src/mailstack/settings.py", *parts)


def _table(section: str) -> str:
    settings = [s for s in catalogue() if s.section == section]
    return table(("Setting", "Value", "Default", "What it does, and why"), _rows(settings))


def _rows(settings: Iterable[Setting]) -> Iterable[tuple[str, str, str, str]]:
    for setting in settings:
        default = "required" if setting.required else code(setting.default_toml) or "unset"
        yield code(setting.name), setting.kind, default, setting.description
