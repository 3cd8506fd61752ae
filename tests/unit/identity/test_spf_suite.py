"""SPF as we evaluate it, held against the public suite of RFC 7208."""

from collections.abc import Mapping
from typing import Final

import pytest
from tests.spf_suite import Case, PlayedResolver, cases

from mailstack.identity.lookups import Lookups, Recent

DIFFERS: Final[Mapping[str, tuple[str, str]]] = {}
"""Case → our result, and why it is right to differ."""
LESS_PREFERRED: Final[Mapping[str, tuple[str, str]]] = {
    "multispf1": ("fail", "two equal records are one: DNS has sets of them (RFC 2181 5)"),
}
"""Case → our result, which the suite allows, but puts behind another; and why."""
CASES: Final = list(cases())


@pytest.fixture(scope="module")
def lookups() -> Lookups:
    return Lookups("127.0.0.1", 53)


def evaluate(lookups: Lookups, case: Case) -> str:
    lookups.resolver.library = PlayedResolver(case.zone)  # type: ignore[assignment]
    lookups._spf = Recent()  # other zones have other answers
    return lookups.spf(case.client, case.helo, case.sender)[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(lookups: Lookups, case: Case) -> None:
    """The result is the one that the suite prefers, unless there is a reason."""
    known = {**DIFFERS, **LESS_PREFERRED}.get(case.name)
    assert evaluate(lookups, case) == (known[0] if known else case.allowed[0])


def test_the_suite_is_whole() -> None:
    """All of it was read, and every exception is still one."""
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) == 203
    allowed = {case.name: case.allowed for case in CASES}
    assert all(ours not in allowed[name] for name, (ours, _) in DIFFERS.items())
    assert all(ours in allowed[name][1:] for name, (ours, _) in LESS_PREFERRED.items())
