"""How many questions an SPF record causes: more than ten void it (RFC 7208 4.6.4)."""

from collections.abc import Iterable
from typing import Final

from mailstack.dns.ask import ask
from mailstack.findings import Finding
from mailstack.outcome import Found, Unavailable
from mailstack.topology.model import Endpoint

MAX_LOOKUPS: Final = 10
_COUNTED: Final = {"include", "a", "mx", "ptr", "exists", "redirect"}
_KEY: Final = "dns.spf-lookups"


async def check_lookups(domain: str, resolver: Endpoint) -> Finding:
    """Count as a receiver does, through ``include`` and ``redirect``."""
    waiting, count = [domain], 0
    while waiting and count <= MAX_LOOKUPS:
        name = waiting.pop()
        outcome = await ask(resolver, name, "TXT", recursive=True)
        if isinstance(outcome, Unavailable):
            return Finding("unknown", _KEY, f"SPF of {name}: could not ask: {outcome.reason}")
        texts = outcome.value.data if isinstance(outcome, Found) else ()
        for mechanism, target in _lookups(texts):
            count += 1
            if mechanism in {"include", "redirect"} and "%" not in target:
                waiting.append(target)
    if count > MAX_LOOKUPS:
        return Finding(
            "failure",
            _KEY,
            f"the SPF record of {domain} needs more than {MAX_LOOKUPS} lookups",
            "receivers give up, and treat it as void (permerror)",
            "remove include: terms that are not needed, or name addresses by ip4: and ip6:",
        )
    return Finding("ok", _KEY, f"the SPF record of {domain} needs {count} lookup(s)")


def _lookups(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        terms = text.lower().split()
        if not terms or terms[0] != "v=spf1":
            continue
        for term in terms[1:]:
            name, _, target = term.lstrip("+-~?").replace("redirect=", "redirect:").partition(":")
            if name.partition("/")[0] in _COUNTED:
                yield name.partition("/")[0], target
