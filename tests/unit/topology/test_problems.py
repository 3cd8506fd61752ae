"""Each mistake of a declaration has its sentence, and the stack has none."""

from dataclasses import replace

import pytest

from mailstack.topology.model import INTERNET, Link, Port, Service, Topology
from mailstack.topology.problems import problems
from mailstack.topology.stack import STACK

SMTP = Port("smtp", 1025, "mail", public=True)
DICT = Port("dict", 2001, "lookups")
MTA = Service("mta", "sends", ports=(SMTP,), after=("store",))
STORE = Service("store", "keeps", ports=(DICT,))
TO_STORE = Link("mta", "store", "dict", "lookups")
FROM_OUTSIDE = Link(INTERNET, "mta", "smtp", "mail")
TO_OUTSIDE = Link("mta", INTERNET, "smtp", "mail")
GOOD = Topology((MTA, STORE), (TO_STORE, FROM_OUTSIDE, TO_OUTSIDE), {"smtp": 25})


def with_services(*services: Service) -> Topology:
    return replace(GOOD, services=services)


def with_links(*links: Link) -> Topology:
    return replace(GOOD, links=links)


CASES = {
    "mta is declared 2 times": with_services(MTA, STORE, MTA),
    "internet is the name of everything outside, so no service can have it": with_services(
        MTA, STORE, Service(INTERNET, "no")
    ),
    "the link mta → nobody.dict names nobody, which is no service": with_links(
        TO_STORE, Link("mta", "nobody", "dict", "x")
    ),
    "the link nobody → store.dict names nobody, which is no service": with_links(
        TO_STORE, Link("nobody", "store", "dict", "x")
    ),
    "store starts after nobody, which is no service": with_services(
        MTA, replace(STORE, after=("nobody",))
    ),
    "store shares the pod of nobody, which is no service": with_services(
        MTA, replace(STORE, pod="nobody")
    ),
    "the link mta → store.smtp goes to a port that store does not have": with_links(
        TO_STORE, FROM_OUTSIDE, Link("mta", "store", "smtp", "x")
    ),
    "the link mta → internet.https goes to a port that internet does not have": with_links(
        TO_STORE, FROM_OUTSIDE, Link("mta", INTERNET, "https", "x")
    ),
    "tcp port 1025 is taken by mta.smtp and by store.dict": with_services(
        MTA, replace(STORE, ports=(replace(DICT, number=1025),))
    ),
    "store has 2 ports called dict": with_services(
        MTA, replace(STORE, ports=(DICT, replace(DICT, number=2002)))
    ),
    "store.dict has number 65536, not 1 to 65535": with_services(
        MTA, replace(STORE, ports=(replace(DICT, number=65_536),))
    ),
    "store.dict has number 0, not 1 to 65535": with_services(
        MTA, replace(STORE, ports=(replace(DICT, number=0),))
    ),
    "internet.smtp has number 70000, not 1 to 65535": replace(GOOD, internet_ports={"smtp": 70000}),
    "store.admin listens, but no one may connect": with_services(
        MTA, replace(STORE, ports=(DICT, Port("admin", 2002, "x")))
    ),
    "store.dict is on loopback, so nobody can be linked to it": with_services(
        MTA, replace(STORE, ports=(replace(DICT, own=True),))
    ),
    "idle is linked with nothing": with_services(MTA, STORE, Service("idle", "x")),
    "mta.smtp is public, but the internet has no link to it": with_links(
        TO_STORE, TO_OUTSIDE, Link("store", "mta", "smtp", "reports")
    ),
    "mta.smtp is linked from the internet, but not public": with_services(
        replace(MTA, ports=(replace(SMTP, public=False),)), STORE
    ),
    "store starts after mta, but has no link to it": with_services(
        replace(MTA, after=()), replace(STORE, after=("mta",))
    ),
    "mta after store after mta: none of them can start first": replace(
        GOOD,
        services=(MTA, replace(STORE, after=("mta",))),
        links=(*GOOD.links, Link("store", "mta", "smtp", "reports")),
    ),
    "the link store → store.dict goes from a service to itself": with_links(
        *GOOD.links, Link("store", "store", "dict", "x")
    ),
    "the link mta → store.dict is declared more than once": with_links(*GOOD.links, TO_STORE),
    "the link mta → store.dict does not say what it is for": with_links(
        replace(TO_STORE, purpose=" "), FROM_OUTSIDE, TO_OUTSIDE
    ),
    "the link store → mta.smtp is reserved without a reason": with_links(
        *GOOD.links, Link("store", "mta", "smtp", "reports", reserved=" ")
    ),
    "mta shares the pod of store, which has none of its own": with_services(
        replace(MTA, pod="store"), replace(STORE, pod="mta")
    ),
}


def test_a_good_declaration_has_no_problems() -> None:
    """The declaration that each case below spoils in one place is itself in order."""
    assert problems(GOOD) == []


@pytest.mark.parametrize("sentence", CASES)
def test_a_mistake_has_its_sentence(sentence: str) -> None:
    """One mistake is told in one sentence that names the place."""
    assert sentence in problems(CASES[sentence])


def test_a_mistake_is_told_once() -> None:
    """A circle is one mistake, however many services stand in it."""
    (sentence,) = problems(CASES["mta after store after mta: none of them can start first"])
    assert sentence.startswith("mta after store")


def test_a_reserved_link_opens_nothing() -> None:
    """A port to which only a reserved link leads still has no one who may connect."""
    closed = with_links(replace(TO_STORE, reserved="later"), FROM_OUTSIDE, TO_OUTSIDE)
    assert "store.dict listens, but no one may connect" in problems(closed)


def test_operations_ports_need_no_link() -> None:
    """Probes, monitoring and the owner's tools are no services of the stack."""
    metrics = Port("metrics", 2002, "numbers", operations=True)
    assert problems(with_services(MTA, replace(STORE, ports=(DICT, metrics)))) == []


def test_a_service_may_talk_to_itself() -> None:
    """A port on loopback for the service that has it needs no link either."""
    inward = Port("again", 2002, "to itself", own=True)
    assert problems(with_services(MTA, replace(STORE, ports=(DICT, inward)))) == []


def test_the_stack_has_no_problems() -> None:
    """THE declaration can be run as it stands."""
    assert problems(STACK) == []
