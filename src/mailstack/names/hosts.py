"""Which domain a request is about, and in which role its host is asked. Pure.

The Host header comes from anybody. What is no name that a domain of ours could have is nobody's.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from mailstack.model.domains import DomainName, parse_domain

Role: TypeAlias = Literal["mta-sts", "autoconfig", "autodiscover", "openpgpkey"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
_HOST: Final = re.compile(r"([A-Za-z0-9.-]{1,253})(:\d{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """A host may be read in two ways: ``autoconfig.example.org`` may be a domain of its own."""

    domain: DomainName
    role: Role | None
    """None: the domain itself."""


def readings(host: str) -> tuple[Named, ...]:
    """Ways to read a Host header, the likeliest first; none for what is no host name."""
    match = _HOST.fullmatch(host)
    if match is None:
        return ()
    try:
        name = parse_domain(match.group(1))
    except ValueError:
        return ()
    found = [Named(name, None)]
    label, _, rest = name.partition(".")
    for role in ROLES:
        if label == role and "." in rest:
            found.insert(0, Named(parse_domain(rest), role))
    return tuple(found)
