"""SPF by pyspf: what a receiver finds of a message that we sent."""

from typing import Any

import dns.resolver
import pytest

from mailstack.demo.received import Received
from mailstack.identity.pyspf import spf


def spf_result(resolver_at: str, received: Received) -> str:
    """Evaluate SPF as the receiver of a message does; ``resolver_at`` is ADDRESS@PORT."""
    address, _, port = resolver_at.partition("@")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [address], int(port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spf, "DNSLookup", lambda name, kind, *_, **__: _ask(resolver, name, kind))
        found, *_ = spf.check2(i=received.client, s=received.sender, h=received.helo)
    return str(found)


def _ask(resolver: dns.resolver.Resolver, name: str, kind: str) -> list[tuple[Any, Any]]:
    """Answer in the form that pyspf takes."""
    answer = resolver.resolve(name, kind, raise_on_no_answer=False)
    return [((name, kind), _data(kind, rdata)) for rdata in answer.rrset or ()]


def _data(kind: str, rdata: Any) -> Any:  # noqa: ANN401 - dnspython's types are made at run time
    if kind == "MX":
        return rdata.preference, rdata.exchange.to_text(omit_final_dot=True)
    return rdata.strings if kind == "TXT" else rdata.address
