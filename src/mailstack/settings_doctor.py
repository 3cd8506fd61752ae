"""The table ``[doctor]`` of the settings: how often the stack examines itself, and whom it asks."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from mailstack.settings_section import Section

_NTP: Final = 123
"""RFC 4330 5. Spelt here, for settings know no declaration of ports; an owner may name another."""


def _place(text: str) -> str:
    if not text:
        return text
    host, _, port = text.rpartition("@")
    if not host or not port.isdigit() or not 0 < int(port) <= 65_535:  # noqa: PLR2004
        raise ValueError(f"{text!r} is not HOST@PORT")
    return text


Place = Annotated[str, AfterValidator(_place)]


class Doctor(Section):
    """What ``mailstack doctor`` asks, and how often it is run by itself."""

    every_hours: int = Field(
        default=6,
        ge=0,
        le=168,
        description="Hours between two examinations, the first after that time; on a cluster by a "
        "CronJob. 0: none by itself.",
    )
    dnsbls: tuple[str, ...] = Field(
        default=(),
        description="Blocklists in which the server's own addresses are looked up. "
        "Unset: those of smtp.dnsbl_sites.",
    )
    probe_hosts: tuple[str, ...] = Field(
        default=("gmail-smtp-in.l.google.com", "mx1.mail.icloud.com"),
        description="Other people's mail servers, by name: one must answer for mail to leave.",
    )
    time_server: Place = Field(
        default=f"pool.ntp.org@{_NTP}",
        description="HOST@PORT that is asked for the time (SNTP); empty: nobody is.",
    )
    min_free_percent: int = Field(
        default=10, ge=0, le=99, description="Free space and inodes below which a disk is a worry."
    )
    queue_hours: int = Field(
        default=4, ge=1, le=120, description="Age of a queued message that is worth a warning."
    )
    backup_hours: int = Field(
        default=48, ge=1, le=8760, description="Age of the last copy of the datastore that is."
    )
