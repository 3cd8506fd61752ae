"""Clock: is it right? Tokens, DKIM and certificates are judged by it (SNTP, RFC 4330)."""

import asyncio
import struct
import time

from mailstack.doctor.context import Context, Found
from mailstack.doctor.port25 import address_of
from mailstack.findings import Finding, Severity

_TIMEOUT_S = 5.0
_SINCE_1900 = 2_208_988_800
"""Seconds from NTP's epoch to that of Unix (RFC 868)."""
_PACKET = 48
_ASK = bytes([0x23]) + bytes(_PACKET - 1)
"""Version 4, mode 3: a client's question, all else zero."""
_SERVER = 4
_WARN_S, _FAIL_S = 2.0, 300.0


class _Question(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        if len(data) >= _PACKET and data[0] & 7 == _SERVER and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def clock(context: Context) -> Found:
    """Ask one time server."""
    named = context.settings.doctor.time_server
    if not named:
        return [Finding("unknown", "clock", "not asked: doctor.time_server is empty")]
    host, _, port = named.rpartition("@")
    address = await address_of(host, context)
    try:
        if address is None:
            raise ConnectionError(f"{host} has no address")
        skew = await _skew(address, int(port))
    except OSError as error:
        return [Finding("unknown", "clock", f"could not ask {host}: {str(error) or 'no answer'}")]
    return [judge(skew)]


def judge(skew: float) -> Finding:
    """Say what a difference in seconds means."""
    what = f"differs by {abs(skew):.1f} s from the time server's"
    if abs(skew) <= _WARN_S:
        return Finding("ok", "clock", what)
    severity: Severity = "failure" if abs(skew) > _FAIL_S else "warning"
    meaning = "signatures and certificates may seem not valid yet, or no more"
    return Finding(severity, "clock", what, meaning, "run chrony or systemd-timesyncd")


async def _skew(address: str, port: int) -> float:
    loop = asyncio.get_running_loop()
    transport, question = await loop.create_datagram_endpoint(
        _Question, remote_addr=(address, port)
    )
    try:
        sent = time.time()
        transport.sendto(_ASK)
        async with asyncio.timeout(_TIMEOUT_S):
            data = await question.answer
    finally:
        transport.close()
    seconds, fraction = struct.unpack("!II", data[40:48])
    theirs: float = seconds - _SINCE_1900 + fraction / 2**32
    return (sent + time.time()) / 2 - theirs
