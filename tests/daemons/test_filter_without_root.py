"""The filter tells who sent a message when root is given up, without the interpreter's files."""

import asyncio

import pytest
from tests.daemons.milter_client import Deferred, signed
from tests.daemons.name_server import name_server
from tests.daemons.stage import running, site_for, state_folder
from tests.daemons.test_contentfilter import _Guarded

from mailstack.daemons.contentfilter import DAEMON
from mailstack.demo import letter
from mailstack.demo.keys import SigningKey
from mailstack.topology.model import Endpoint

OFFSET = 4350
KEY = SigningKey.generate()
ZONE = {
    ("example.org.", "TXT"): '"v=spf1 a mx ptr include:x.example.org -all"',
    ("x.example.org.", "TXT"): '"v=spf1 exists:%{l}.example.org ~all"',
    ("example.org.", "MX"): "10 mx.example.org.",
    ("mx.example.org.", "A"): "192.0.2.25",
    ("9.2.0.192.in-addr.arpa.", "PTR"): "mx.example.org.",
    ("_dmarc.xn--bcher-kva.example.", "TXT"): '"v=DMARC1; p=reject"',
    ("s._domainkey.xn--bcher-kva.example.", "TXT"): " ".join(
        f'"{part}"' for part in ("v=DKIM1; k=rsa; p=", KEY.public[:200], KEY.public[200:])
    ),
}


async def test_nothing_is_imported_late() -> None:
    """SPF of every kind, a signature, a name in another script: all was there from the start."""
    octets = b"From: x <x@b\xc3\xbccher.example>\r\nSubject: x\r\n\r\nhello\r\n"
    signature = letter.sign(octets, KEY, "bücher.example", selector="s")
    name, _, value = signature[: -len(octets)].partition(b":")
    fields = {name.decode(): value.decode().strip(), "From": "x <x@bücher.example>", "Subject": "x"}
    with state_folder() as state:
        (state / "secure").mkdir(mode=0o711)
        (state / "secure" / "api.token").write_text("t" * 64)
        async with name_server(ZONE) as (port, asked):
            peers = {"resolver.dns": Endpoint("127.0.0.1", port)}
            site = site_for(DAEMON, state, offset=OFFSET, addresses=peers)
            async with running(_Guarded(), site) as filter_:
                at = site.addresses["contentfilter.milter"]
                message = await asyncio.to_thread(signed, at, fields, b"hello\r\n")
                changed = {**fields, "Subject": "y"}
                with pytest.raises(Deferred):  # refused, in fact
                    await asyncio.to_thread(signed, at, changed, b"hello\r\n")
    assert b"dkim=pass header.d=xn--bcher-kva.example" in message
    assert b"dmarc=pass" in message
    assert "s._domainkey.xn--bcher-kva.example. TXT" in asked
    assert not filter_.said("LATE"), filter_.output
