"""The links as rows, for people: the table in the documentation and on the terminal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailstack.topology.model import INTERNET, Link, Topology, Transport


@dataclass(frozen=True, slots=True)
class Row:
    """One link."""

    source: str
    target: str
    port: int
    transports: str
    purpose: str
    closed: str
    """Why the link is closed; empty: it is open."""


HEADINGS: Final = ("from", "to", "port", "transport", "for", "closed because")


def rows(topology: Topology) -> Iterator[Row]:
    """Yield every link, reserved ones too, in the order of the declaration."""
    for link in topology.links:
        number, transports = _port(topology, link)
        yield Row(
            link.source, link.target, number, "/".join(transports), link.purpose, link.reserved
        )


def _port(topology: Topology, link: Link) -> tuple[int, tuple[Transport, ...]]:
    if link.target != INTERNET:
        port = topology.service(link.target).port(link.port)
        return port.number, port.transports
    return topology.internet_ports[link.port], transports_of(topology, link.port)


def transports_of(topology: Topology, name: str) -> tuple[Transport, ...]:
    """Return what our own port called ``name`` uses: the protocol is the same outside."""
    for service in topology.services:
        for port in service.ports:
            if port.name == name:
                return port.transports
    return ("udp",) if name == "ntp" else ("tcp",)


def cells(row: Row) -> tuple[str, ...]:
    """Return one text per heading."""
    return (row.source, row.target, str(row.port), row.transports, row.purpose, row.closed)


def markdown(topology: Topology) -> str:
    """Return the table as Markdown."""
    lines = [_line(HEADINGS), _line(["---"] * len(HEADINGS))]
    lines += [_line(cells(row)) for row in rows(topology)]
    return "\n".join(lines) + "\n"


def _line(texts: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"
