"""The ConfigMap of the settings: what the owner decided, and nothing else.

A pod follows it: agents see the exchanged file, have the result checked, and reload. So its name
has no hash, and a change restarts nothing that can be reloaded.
"""

from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel

from mailstack.deploy import places
from mailstack.deploy.kubernetes import names
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object
from mailstack.settings import Settings
from mailstack.settings_catalogue import catalogue, to_toml


def settings_map(plan: Plan) -> Object:
    file = PurePosixPath(places.SETTINGS_FILE).name
    return names.object_(
        "v1",
        "ConfigMap",
        names.SETTINGS,
        plan,
        names.common(plan),
        data={file: settings_text(plan.settings)},
    )


def settings_text(settings: Settings) -> str:
    """The settings file for containers: each setting that differs from its default."""
    lines: list[str] = []
    table = ""
    for setting in catalogue():
        value = _value(settings, setting.name)
        if value is None or (not setting.required and value == setting.default):
            continue
        if setting.section != table:
            table = setting.section
            lines.append(f"[{table}]")
        lines.append(f"{setting.key} = {to_toml(value, is_size=setting.is_size)}")
    return "\n".join(lines) + "\n"


def _value(settings: BaseModel, name: str) -> Any:  # noqa: ANN401 - a setting may be of any type
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value
