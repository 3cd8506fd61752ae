"""Documents for tests of the store and of what reads it."""

from mailstack.model.addresses import Address
from mailstack.model.documents import Alias, Dkim, Domain, Reports, Sieve, Spam, Training, User
from mailstack.model.domains import DomainName

HASH = (
    "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1"
    "$x1T88JmIwFms7YtwS4d5HQ$Ae7VXGU4pkbCohA2AyeVxQkb7UPtm+FF7pBn5DFqczQ"
)
"""Of the password ``x``."""


def domain(name: str = "example.org", *, enabled: bool = True) -> Domain:
    return Domain(name=DomainName(name), enabled=enabled)


def user(address: str, *, enabled: bool = True, quota: int | None = None) -> User:
    return User(address=Address(address), password=HASH, enabled=enabled, quota=quota)


def alias(address: str, *targets: str) -> Alias:
    return Alias(address=Address(address), targets=tuple(map(Address, targets)))


def script(owner: str, name: str = "main", text: str = "keep;", *, active: bool = False) -> Sieve:
    return Sieve(owner=Address(owner), name=name, text=text, active=active)


def spam(owner: str, **wishes: object) -> Spam:
    return Spam.model_validate({"owner": owner, **wishes})


def training(owner: str, *, own_bayes: bool = False, runs: int = 0) -> Training:
    figures = {"ham": 210, "spam": 300, "seconds": 1.5, "said": "fine", "ok": True, "worse": None}
    fields = {"owner": owner, "own_bayes": own_bayes, "runs": [figures] * runs}
    return Training.model_validate(fields)


def dkim(name: str = "example.org", *states: str, wanted: bool = False) -> Dkim:
    """A key for each state, RSA ones, the first with the selector ``k1``."""
    keys = [
        {
            "selector": f"k{number}",
            "algorithm": "rsa",
            "public": "A" * 40,
            "private": "" if state == "retired" else f"sealed{number}",
            "state": state,
            "since": "2026-11-28T00:00:00+00:00",
        }
        for number, state in enumerate(states, 1)
    ]
    return Dkim.model_validate({"domain": name, "keys": keys, "wanted": wanted})


def reports(name: str = "example.org", number: int = 1) -> Reports:
    """Of DMARC, each about one server."""
    source = {"address": "192.0.2.1", "messages": 7, "dkim": True, "spf": False}
    told = {
        "kind": "dmarc", "domain": name, "reporter": "x", "begin": 1, "end": 2, "at": 3,
        "signed_by": ["x.example"], "proven": True,
        "sources": [{**source, "disposition": "none", "author": name}],
    }  # fmt: skip
    items = [{**told, "identity": str(n)} for n in range(number)]
    return Reports.model_validate({"domain": name, "items": items})
