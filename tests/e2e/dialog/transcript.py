r"""Transcripts of SMTP sessions, played against a running stack.

# A sentence: what must happen.
port submission        smtp (the default), submission or submissions
from stranger 7        an outside address; the friend's server unless told
C: EHLO mail.example   a line of the client; {user} and others: see variables()
C! text\n               octets, with Python's escapes, and no line end of their own
S: 250 2.1.0           a reply of the server: its last line begins so
S+ STARTTLS            the same reply has a line that, after its code, begins so
S- AUTH                … has no such line
=                      TLS begins
closed                 the server hangs up
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.stack import Stack, User
from tests.e2e.wire import Wire, wire

from mailstack.demo.client import trusting
from mailstack.demo.throwaway import DOMAIN


@dataclass(frozen=True, slots=True)
class Transcript:
    """One file, parsed."""

    name: str
    steps: tuple[tuple[int, str, str], ...]
    """Number of the line, its mark, and the rest."""
    port: str = "smtp"
    stranger: int | None = None


_MARKS = ("C: ", "C! ", "S: ", "S+ ", "S- ")


def read(file: Path) -> Transcript:
    """Parse a file; a line that means nothing is an error in it."""
    steps, port, stranger = [], "smtp", None
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line.startswith("#") or not line:
            continue
        if line.startswith("port "):
            port = line.removeprefix("port ")
        elif line.startswith("from stranger "):
            stranger = int(line.removeprefix("from stranger "))
        elif line.startswith(_MARKS) or line in ("=", "closed", "C:"):
            steps.append((number, line[:2], line[3:]))
        else:
            raise ValueError(f"{file}:{number}: {line!r} is no step")
    return Transcript(file.stem, tuple(steps), port, stranger)


def variables(stack: Stack, user: User) -> Mapping[str, str]:
    """Return what the names in braces stand for."""
    plain = f"\0{user.address}\0{user.password}".encode()
    wrong = f"\0{user.address}\0wrong".encode()
    return {
        "user": user.address,
        "unknown": f"{stack.fresh('nobody')}@{DOMAIN}",
        "address": stack.internet.plan.stack,
        "login": base64.b64encode(plain).decode(),
        "wrong_login": base64.b64encode(wrong).decode(),
    }


def play(stack: Stack, transcript: Transcript, names: Mapping[str, str]) -> None:
    """Play a transcript; an AssertionError names the line that went otherwise."""
    source = ""
    if transcript.stranger is not None:
        source = stack.internet.plan.stranger(transcript.stranger)
    with wire(stack, source, transcript.port) as opened:
        reply = ""
        for number, mark, rest in transcript.steps:
            where = f"{transcript.name}:{number}: {mark} {rest}"
            match mark:
                case "C:" | "C!":
                    opened.send(_octets(mark, rest.format_map(names)))
                case "S:":
                    reply = opened.reply()
                    _check(reply.split("\n")[-1].startswith(rest.format_map(names)), where, reply)
                case "S+":
                    _check(_has(reply, rest), where, reply)
                case "S-":
                    _check(not _has(reply, rest), where, reply)
                case "=":
                    _start_tls(stack, opened)
                case _:
                    left = opened.replies()
                    _check(not left, where, "\n".join(left))


def _check(holds: bool, where: str, reply: str) -> None:  # noqa: FBT001 - as assert
    assert holds, f"{where}\nthe server said:\n{reply}"


def _has(reply: str, keyword: str) -> bool:
    return any(line[4:].startswith(keyword) for line in reply.split("\n"))


def _octets(mark: str, text: str) -> bytes:
    if mark == "C:":
        return text.encode() + b"\r\n"
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def _start_tls(stack: Stack, opened: Wire) -> None:
    opened.start_tls(trusting(stack.throwaway.certificate), stack.throwaway.hostname)
