"""Judge what was seen against the record that should be there. Pure.

What an owner has changed on purpose and what works as well (a stricter SPF, another report address)
is not called wrong.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailstack.dns.records import Facts, Record
from mailstack.findings import Severity

_VERSIONS: Final = {
    "spf": "v=spf1",
    "dmarc": "v=DMARC1",
    "mta-sts": "v=STSv1",
    "tls-rpt": "v=TLSRPTv1",
}
_MEANINGS: Final = {
    "mx": "other servers do not find where to deliver",
    "a": "other servers do not reach the mail server",
    "aaaa": "other servers do not reach the mail server over IPv6",
    "spf": "other servers cannot tell its mail from forged mail",
    "dkim": "its signatures do not verify",
    "dmarc": "anybody can use the domain in From, and nobody tells you",
    "mta-sts": "who intercepts the connection can switch TLS off",
    "tls-rpt": "you do not hear when TLS fails",
    "tlsa": "senders that use DANE do not know the certificate",
    "caa": "any authority may issue certificates for the domain",
    "srv": "mail programs do not find their settings",
    "host": "what is served under this name is not found",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """About one record at one server."""

    severity: Severity
    what: str
    meaning: str = ""


def meaning(record: Record) -> str:
    """What its absence means for mail."""
    return _MEANINGS[record.key.partition(".")[0]]


def judge(record: Record, seen: Sequence[str], facts: Facts) -> Judgement:
    """Say whether ``seen``, the data of this name and type, is what it should be."""
    if record.kind == "TXT":
        return _text(record, seen, facts)
    ours = normal(record.kind, record.value)
    others = [value for value in seen if normal(record.kind, value) != ours]
    if record.kind == "CAA":
        return _caa(record, seen, facts)
    if len(others) == len(seen):
        return _absent(record, others)
    if record.kind == "MX" and others:
        return Judgement("warning", f"also {', '.join(others)}", "some mail goes to another server")
    strangers = [value for value in others if value not in facts.addresses]
    if record.kind in {"A", "AAAA"} and strangers:
        why = "some servers connect to another machine"
        return Judgement("warning", f"also {', '.join(strangers)}", why)
    return Judgement("ok", record.value)


def normal(kind: str, value: str) -> str:
    """One spelling for all that mean the same."""
    text = " ".join(value.lower().split())
    if kind == "TLSA":
        first = text.split(" ")
        return " ".join([*first[:3], "".join(first[3:])])
    return text


def tags(text: str) -> Mapping[str, str]:
    """Read ``a=b; c=d`` (RFC 6376 3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {
        name.strip().lower(): "".join(value.split()) for name, _, value in pairs if name.strip()
    }


def is_ours(record: Record, text: str) -> bool:
    """Whether a TXT record at this name is of the same sort, and not somebody else's."""
    version = _VERSIONS.get(record.key)
    if version is None:
        return True
    return re.match(rf"{re.escape(version)}\s*(?:[;\s]|$)", text, re.IGNORECASE) is not None


def _absent(record: Record, others: Sequence[str]) -> Judgement:
    severity: Severity = "failure" if record.level == "required" else "warning"
    if not others:
        return Judgement(severity, "missing", meaning(record))
    what = f"is {', '.join(others)} instead of {record.value}"
    if record.kind == "MX" and [normal("MX", value) for value in others] == ["0 ."]:
        return Judgement("failure", "null MX", "the domain says that it takes no mail (RFC 7505)")
    if record.key == "tlsa":
        return Judgement("failure", what, "senders that use DANE do not deliver")
    return Judgement(severity, what, meaning(record))


def _caa(record: Record, seen: Sequence[str], facts: Facts) -> Judgement:
    """Every issue record allows its issuer (RFC 8659 4.2), so one for ours must be right."""
    issuers = [value for value in seen if " issue " in value]
    if not issuers:
        return _absent(record, ())
    told = f"is {', '.join(issuers)}"
    ours = [value for value in issuers if caa_issuer(value)[0] == facts.issuer]
    accounts = {caa_issuer(value)[1] for value in ours}
    if not ours:
        why = f"{facts.issuer} may not issue: the certificate cannot be renewed"
        return Judgement("failure", told, why)
    if facts.account_uri and not accounts & {"", facts.account_uri}:
        why = "it names another account (accounturi): the certificate cannot be renewed"
        return Judgement("failure", told, why)
    if facts.account_uri and "" in accounts:
        why = "any account there may have certificates made"
        return Judgement("warning", f"{told} instead of {record.value}", why)
    if not facts.account_uri and "" not in accounts:
        why = "check that its accounturi is the account in use"
        return Judgement("warning", f"{told} instead of {record.value}", why)
    return Judgement("ok", record.value)


def caa_issuer(value: str) -> tuple[str, str]:
    """The authority that an issue record allows, and the account there if it names one."""
    name, *parameters = value.partition('"')[2].rstrip('"').split(";")
    account = next(
        (
            found.strip()
            for key, _, found in (one.partition("=") for one in parameters)
            if key.strip().lower() == "accounturi"
        ),
        "",
    )
    return name.strip().lower().rstrip("."), account


def _text(record: Record, seen: Sequence[str], facts: Facts) -> Judgement:
    found = [text for text in seen if is_ours(record, text)]
    if not found:
        return _absent(record, ())
    if len(found) > 1:
        what = f"{len(found)} records: {' | '.join(found)}"
        return Judgement("failure", what, "with more than one, all of them are void")
    sort = record.key.partition(".")[0]
    return {"spf": _spf, "dkim": _dkim, "dmarc": _dmarc, "mta-sts": _mta_sts, "tls-rpt": _tls_rpt}[
        sort
    ](record, found[0], facts)


def lets_us_send(text: str, facts: Facts) -> bool:
    """Whether an SPF record names our server in a way that needs no further question."""
    own = {"mx", f"a:{facts.hostname}", *(f"ip4:{a}" for a in facts.addresses)}
    own |= {f"ip6:{a}" for a in facts.addresses}
    return any(term.removeprefix("+").lower() in own for term in text.split()[1:])


def _spf(record: Record, text: str, facts: Facts) -> Judgement:
    terms = [term.lower() for term in text.split()[1:]]
    if "+all" in terms or "all" in terms:
        return Judgement("failure", text, "everybody may send in its name")
    if not lets_us_send(text, facts):
        return Judgement("failure", f"{text}: does not name this server", meaning(record))
    if not any(term in {"-all", "~all"} or term.startswith("redirect=") for term in terms):
        return Judgement("warning", f"{text}: no -all at its end", "forged mail is not called so")
    return Judgement("ok", text)


def _dkim(record: Record, text: str, _: Facts) -> Judgement:
    seen, wanted = tags(text), tags(record.value)
    if seen.get("p") == "":
        return Judgement("failure", "the key is revoked (p= is empty)", meaning(record))
    same = seen.get("k", "rsa") == wanted["k"] and seen.get("v", "DKIM1") == "DKIM1"
    if seen.get("p") != wanted["p"] or not same:
        return Judgement("failure", "another key than the one that signs", meaning(record))
    if "y" in seen.get("t", "").split(":"):
        return Judgement("warning", "t=y: says that it is a test", "signatures count for nothing")
    return Judgement("ok", "the key that signs")


def _dmarc(_: Record, text: str, __: Facts) -> Judgement:
    seen = tags(text)
    if seen.get("p") not in {"none", "quarantine", "reject"}:
        return Judgement("failure", text, "without a valid p= the record is void")
    if seen["p"] == "none":
        return Judgement("warning", text, "forged mail is delivered (p=none)")
    if not seen.get("rua"):
        return Judgement("warning", text, "nobody reports to you (no rua=)")
    return Judgement("ok", text)


def _mta_sts(record: Record, text: str, _: Facts) -> Judgement:
    if not re.fullmatch(r"[A-Za-z0-9]{1,32}", tags(text).get("id", "")):
        return Judgement("failure", text, "without a valid id= senders ignore the policy")
    if tags(text)["id"] != tags(record.value)["id"]:
        why = "senders keep a policy that has changed since"
        return Judgement("warning", f"the id is of another policy: {text}", why)
    return Judgement("ok", text)


def _tls_rpt(record: Record, text: str, _: Facts) -> Judgement:
    if not tags(text).get("rua", "").startswith(("mailto:", "https:")):
        return Judgement("warning", f"{text}: no rua= to report to", meaning(record))
    return Judgement("ok", text)
