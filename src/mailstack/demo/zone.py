"""What the outside's name server knows, and its answers. No sockets.

It plays the whole of DNS for our resolver, which forwards every question to it: what is not in
the zone does not exist. Tests may also have a name fail, to see what a broken DNS does.
"""

from collections.abc import Iterable, Mapping

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

TTL_S = 1
"""Short, so that a test may change a record and see the change."""
FAIL = "FAIL"
"""In place of a type: every question about this name gets SERVFAIL."""
_SOA = "ns.example. hostmaster.example. 1 3600 600 86400 1"

Records = Mapping[str, Mapping[str, Iterable[str]]]
"""Name → type → data, each as a zone file spells it."""


class Zone:
    """Every record there is. Names compare without case."""

    def __init__(self) -> None:
        self._records: dict[dns.name.Name, dict[str, tuple[str, ...]]] = {}

    def update(self, records: Records) -> None:
        """Add names, or replace what these names had. An empty mapping removes the name."""
        for name, types in records.items():
            key = dns.name.from_text(name).canonicalize()
            self._records[key] = {kind.upper(): tuple(data) for kind, data in types.items()}
            if not types:
                del self._records[key]

    def txt(self, name: str) -> bytes | None:
        """Return the first TXT record with its strings joined, as DKIM wants it; None if none."""
        data = self._types(dns.name.from_text(name)).get("TXT")
        if not data:
            return None
        rrset = dns.rrset.from_text(name, TTL_S, "IN", "TXT", data[0])
        return b"".join(rrset[0].strings)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """Answer one question. Authoritative, and willing to recurse, as a forwarder must be."""
        reply = dns.message.make_response(query, recursion_available=True)
        reply.flags |= dns.flags.AA
        if len(query.question) != 1:
            reply.set_rcode(dns.rcode.FORMERR)
            return reply
        question = query.question[0]
        reply.set_rcode(self._fill(reply, question.name, dns.rdatatype.to_text(question.rdtype)))
        if not reply.answer:
            apex = dns.name.Name(question.name.labels[-2:])
            reply.authority.append(dns.rrset.from_text(apex, TTL_S, "IN", "SOA", _SOA))
        return reply

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: str) -> dns.rcode.Rcode:
        types = self._types(name)
        if FAIL in types:
            return dns.rcode.SERVFAIL
        if kind in types:
            reply.answer.append(dns.rrset.from_text(name, TTL_S, "IN", kind, *types[kind]))
        elif "CNAME" in types:
            target = types["CNAME"][0]
            reply.answer.append(dns.rrset.from_text(name, TTL_S, "IN", "CNAME", target))
            return self._fill(reply, dns.name.from_text(target), kind)
        return dns.rcode.NOERROR if types or self._has_children(name) else dns.rcode.NXDOMAIN

    def _types(self, name: dns.name.Name) -> Mapping[str, tuple[str, ...]]:
        return self._records.get(name.canonicalize(), {})

    def _has_children(self, name: dns.name.Name) -> bool:
        """Tell an empty non-terminal from a name that does not exist (RFC 8020)."""
        return any(known.is_subdomain(name) for known in self._records)
