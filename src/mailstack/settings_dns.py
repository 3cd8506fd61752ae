"""The table ``[dns]`` of the settings: the stack's resolver, and where records are published."""

from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mailstack.settings_section import Section

MAX_PORT = 65_535


def server(text: str) -> str:
    """Check ``ADDRESS@PORT``."""
    address, at, port = text.partition("@")
    if not at or not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise ValueError(f"{text!r} is not ADDRESS@PORT; write one like 192.0.2.1@5353")
    return f"{ip_address(address)}@{port}"


def _server_or_none(text: str) -> str:
    return server(text) if text else ""


Server = Annotated[str, AfterValidator(server)]
"""IP address and port of a DNS server, as unbound writes it."""


class Dns(Section):
    """The stack's own resolver, and the name server of its domains."""

    forward: tuple[Server, ...] = Field(
        default=(),
        description="ADDRESS@PORT of servers that get every question; empty: ask the root servers. "
        "Blocklists answer only those who ask for themselves, so leave it empty if you can.",
    )
    dnssec: bool = Field(default=True, description="Validate answers (needed for DANE).")
    update_server: Annotated[str, AfterValidator(_server_or_none)] = Field(
        default="",
        description="ADDRESS@PORT of the primary name server of your domains, which takes dynamic "
        "updates (RFC 2136) signed with the key in STATE/secure/tsig.key. Empty: you publish "
        "records yourself.",
    )
    update_zone: str = Field(
        default="", description="Zone that is updated; unset: the one that the domain lies in."
    )
    tsig_name: str = Field(
        default="mailstack",
        pattern=r"^[A-Za-z0-9._-]{1,253}$",
        description="Name of that key; the file may say another, if tsig-keygen wrote it.",
    )
    tsig_algorithm: Literal[
        "hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1"
    ] = Field(default="hmac-sha256", description="Algorithm of that key.")
