"""Who can talk to whom, as a cluster would enforce it: exactly the declaration, both ways."""

from collections.abc import Iterator
from itertools import product

import pytest
from tests.unit.deploy.network import Network, Peer
from tests.unit.deploy.site import WHOLE, Object, objects, of_kind, plan, residents, templates

from mailstack.topology.model import INTERNET
from mailstack.topology.selection import selected
from mailstack.topology.stack import STACK

OURS = {"kubernetes.io/metadata.name": "mailstack"}
SYSTEM = {"kubernetes.io/metadata.name": "kube-system"}
MONITORING = {"kubernetes.io/metadata.name": "monitoring"}
OUTSIDE = (
    Peer(INTERNET, {}, {}, "203.0.113.9"),
    Peer(INTERNET, {}, {}, "2001:db8::9"),
)
DNS = Peer("kube-dns", {"k8s-app": "kube-dns"}, SYSTEM, "10.96.0.10")
STRANGER = Peer("stranger", {"app.kubernetes.io/name": "postfix"}, MONITORING, "10.1.9.9")
DNS_PORT = STACK.internet_ports["dns"]


def network(found: list[Object]) -> Network:
    return Network(OURS, list(of_kind("NetworkPolicy", found).values()))


def pods(found: list[Object]) -> list[Peer]:
    made = templates(found).items()
    return [
        Peer(name, template["metadata"]["labels"], OURS, f"10.1.0.{number}")
        for number, (name, template) in enumerate(made, 1)
    ]


def every_port() -> set[tuple[int, str]]:
    """Every number that is declared, of any service, agent or the internet."""
    declared = {
        (number, transport.upper())
        for service in STACK.services
        for port in service.every_port
        for number in (port.number, port.inside)
        for transport in port.transports
    }
    agents = {(STACK.agent_port(service.name), "TCP") for service in STACK.services}
    outside = {(number, way) for number in STACK.internet_ports.values() for way in ("TCP", "UDP")}
    return declared | agents | outside


def declared_ways(**tables: object) -> set[tuple[str, str, int, str]]:
    """Source, target, port, protocol of each open link, by pods; port by its container number."""
    topology = selected(STACK, plan(**tables).settings)
    watched = {
        (job.name, STACK.pod_of(service.name), STACK.agent_port(service.name), "TCP")
        for job in topology.jobs
        if job.watches
        for service in topology.services
    }
    return watched | {
        (pod(link.source), pod(link.target), number, protocol)
        for link in topology.links
        if not link.reserved
        for number, protocol in link_ports(link.target, link.port)
        if pod(link.source) != pod(link.target)
    }


def pod(name: str) -> str:
    return name if name == INTERNET else STACK.pod_of(name)


def link_ports(target: str, name: str) -> Iterator[tuple[int, str]]:
    if target == INTERNET:
        number = STACK.internet_ports[name]
        ways = {"dns": ("UDP", "TCP"), "ntp": ("UDP",)}.get(name, ("TCP",))
        yield from ((number, way) for way in ways)
    else:
        port = STACK.service(target).port(name)
        yield from ((port.inside, transport.upper()) for transport in port.transports)


SITES: list[dict[str, object]] = [
    {},
    {"kubernetes": {"profile": "micro"}},
    {"greylist": {"enabled": False}, "filter": {"enabled": False}},
    WHOLE,
]


@pytest.mark.parametrize(
    "site", SITES, ids=["small", "micro", "without-greylisting-and-filter", "whole"]
)
def test_exactly_the_declared_links(site: dict[str, object]) -> None:
    """For each pair of pods and each declared port: allowed if and only if the table says so."""
    found = objects(**site)
    rules, everybody = network(found), pods(found)
    allowed = {
        (source.name, target.name, port, protocol)
        for source, target in product(everybody, everybody)
        if source != target
        for port, protocol in every_port()
        if rules.allows(source, target, port, protocol)
    }
    assert allowed == {way for way in declared_ways(**site) if INTERNET not in way}


@pytest.mark.parametrize("outside", OUTSIDE, ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("site", [{}, WHOLE], ids=["small", "whole"])
def test_exactly_the_declared_links_with_the_internet(
    outside: Peer, site: dict[str, object]
) -> None:
    """Public ports are open to all, declared ways out lead out, and nothing else does."""
    found = objects(**site)
    rules = network(found)
    ways = [(outside, one) for one in pods(found)] + [(one, outside) for one in pods(found)]
    allowed = {
        (source.name, target.name, port, protocol)
        for source, target in ways
        for port, protocol in every_port()
        if rules.allows(source, target, port, protocol)
    }
    assert allowed == {way for way in declared_ways(**site) if INTERNET in way}


def test_the_way_to_the_api_server() -> None:
    """Only the pod that exchanges a Secret reaches it, only there if its networks are named."""
    inside, elsewhere = Peer("api", {}, {}, "172.16.0.1"), Peer("other", {}, {}, "172.17.0.1")
    for networks, reached in ((["172.16.0.0/28"], [inside]), ([], [inside, elsewhere])):
        found = objects(**WHOLE, kubernetes={"api_networks": networks, "api_port": 16_443})
        rules = network(found)
        for one in pods(found):
            wanted = reached if one.name == "letsencrypt" else []
            peers = [p for p in (inside, elsewhere) if rules.allows(one, p, 16_443, "TCP")]
            assert peers == wanted, one.name


def test_with_events_every_pod_reaches_the_api_server() -> None:
    """There alone, and with the cluster's DNS for its name; what makes no Events does not."""
    inside, elsewhere = Peer("api", {}, {}, "172.16.0.1"), Peer("other", {}, {}, "172.17.0.1")
    wanted = {"api_networks": ["172.16.0.0/28"], "api_port": 16_443, "events": True}
    found = objects(kubernetes=wanted)
    rules, jobs = network(found), {job.name for job in STACK.jobs}
    for one in pods(found):
        assert rules.allows(one, inside, 16_443, "TCP") is (one.name not in jobs), one.name
        assert not rules.allows(one, elsewhere, 16_443, "TCP")
        assert rules.allows(one, DNS, DNS_PORT, "UDP") or one.name in jobs


def test_cluster_dns_for_those_who_need_names() -> None:
    """Who is linked with another pod may ask for its address; who is not, asks nobody."""
    found = objects()
    rules = network(found)
    asking = {one.name for one in pods(found) if rules.allows(one, DNS, DNS_PORT, "UDP")}
    linked = {source for source, target, *_ in declared_ways() if INTERNET not in (source, target)}
    assert asking == linked | {"resolver"}  # which may ask anybody


def test_a_stranger_with_our_labels_is_a_stranger() -> None:
    """Pods of other namespaces reach no internal port, whatever they are called."""
    found = objects(**WHOLE)
    rules = network(found)
    public = {port.inside for s in STACK.services for port in s.ports if port.public}
    reached = {
        port
        for one in pods(found)
        for port, protocol in every_port()
        if rules.allows(STRANGER, one, port, protocol)
    }
    assert reached == public


def test_a_pod_without_a_policy_is_alone() -> None:
    """Whatever is started in the namespace besides reaches nobody and is not reached."""
    found = objects()
    rules = network(found)
    other = Peer("other", {"app": "other"}, OURS, "10.1.7.7")
    assert not any(
        rules.allows(source, target, port, protocol)
        for one in (*pods(found), *OUTSIDE, DNS)
        for source, target in ((other, one), (one, other))
        for port, protocol in every_port()
    )


def test_a_smarthost_takes_the_place_of_all_others() -> None:
    """With a relay on another port Postfix cannot speak SMTP to anybody else."""
    rules_of = objects(smtp={"relayhost": "[relay.example.net]:2525"})
    rules = network(rules_of)
    (postfix,) = (one for one in pods(rules_of) if one.name == "postfix")
    assert rules.allows(postfix, OUTSIDE[0], 2525, "TCP")
    assert not rules.allows(postfix, OUTSIDE[0], STACK.internet_ports["smtp"], "TCP")


def test_forwarders_take_the_place_of_all_others() -> None:
    """With forwarders the resolver asks them, at their port, and nobody else."""
    found = objects(dns={"forward": ["192.0.2.1@5353", "2001:db8::1@53"]})
    rules = network(found)
    (resolver,) = (one for one in pods(found) if one.name == "resolver")
    assert rules.allows(resolver, Peer("one", {}, {}, "192.0.2.1"), 5353, "UDP")
    assert rules.allows(resolver, Peer("two", {}, {}, "2001:db8::1"), 53, "TCP")
    assert not rules.allows(resolver, Peer("one", {}, {}, "192.0.2.1"), 53, "UDP")
    assert not rules.allows(resolver, OUTSIDE[0], 53, "UDP")


BALANCER = Peer("balancer", {}, {}, "10.9.0.7")
BEHIND_BALANCERS: dict[str, object] = {
    **WHOLE,
    "kubernetes": {"client_address": "proxy"},
    "listen": {"proxy_networks": ["10.9.0.0/24"]},
}


def from_outside(rules: Network, found: list[Object], peer: Peer) -> set[tuple[str, int]]:
    """Pod and port of whatever a peer outside can reach."""
    return {
        (one.name, port)
        for one in pods(found)
        for port, protocol in every_port()
        if rules.allows(peer, one, port, protocol)
    }


def test_only_load_balancers_speak_the_proxy_protocol() -> None:
    """Where it is spoken nobody else gets in; where the web is served everybody does, as before."""
    found = objects(**BEHIND_BALANCERS)
    rules = network(found)
    public = [
        (STACK.pod_of(service.name), port)
        for service in STACK.services
        for port in service.ports
        if port.public
    ]
    web = {(pod, port.inside) for pod, port in public if port.for_balancers is None}
    theirs = {(pod, one.inside) for pod, port in public if (one := port.for_balancers)}
    assert {pod for pod, _ in web} == {"names", "letsencrypt"}
    assert {pod for pod, _ in theirs} == {"postfix", "dovecot"}
    assert len(theirs) == 6
    assert from_outside(rules, found, OUTSIDE[0]) == web
    assert from_outside(rules, found, BALANCER) == web | theirs


def test_links_within_are_the_same_behind_load_balancers() -> None:
    """Nobody of the stack can reach the ports where a header is believed."""
    found = objects(**BEHIND_BALANCERS)
    rules, everybody = network(found), pods(found)
    allowed = {
        (source.name, target.name, port, protocol)
        for source, target in product(everybody, everybody)
        if source != target
        for port, protocol in every_port()
        if rules.allows(source, target, port, protocol)
    }
    assert allowed == {way for way in declared_ways(**BEHIND_BALANCERS) if INTERNET not in way}


def test_public_services_lead_to_the_ports_of_load_balancers() -> None:
    """The world's numbers stay; addresses need not be kept on the way, but for the web's."""
    services = of_kind("Service", objects(**BEHIND_BALANCERS))
    dovecot, declared = services["dovecot-public"]["spec"], STACK.service("dovecot")
    leads = {port["port"]: port["targetPort"] for port in dovecot["ports"]}
    managesieve = STACK.service("managesieve").port("managesieve")
    ports = (declared.port("imap"), declared.port("imaps"), managesieve)
    assert leads == {port.number: port.balanced for port in ports}
    kept = {
        name: one["spec"]["externalTrafficPolicy"]
        for name, one in services.items()
        if name.endswith("-public")
    }
    assert kept == {
        "postfix-public": "Cluster",
        "dovecot-public": "Cluster",
        "names-public": "Local",
        "letsencrypt-public": "Local",
    }


def test_a_node_leads_to_the_ports_of_load_balancers() -> None:
    """Where the public ports are open at the node itself, each still is, once, and leads there."""
    wanted = {**BEHIND_BALANCERS, "kubernetes": {"service": "HostPort"}}
    spec = templates(objects(**wanted))["dovecot"]["spec"]
    leads = {
        port["hostPort"]: port["containerPort"]
        for one in residents(spec)
        for port in one["ports"]
        if "hostPort" in port
    }
    public = [p for s in STACK.in_pod("dovecot") for p in s.ports if p.public]
    assert leads == {port.number: port.balanced for port in public}


def test_monitoring_sees_numbers_and_nothing_else() -> None:
    """The namespace that is named reads the ports of operations, and cannot talk to a service."""
    found = objects(kubernetes={"monitoring_namespace": "monitoring"}, **WHOLE)
    rules = network(found)
    reached = {
        port
        for one in pods(found)
        for port, protocol in every_port()
        if rules.allows(STRANGER, one, port, protocol)
    }
    ports = [port for s in STACK.services for port in s.ports]
    agents = {STACK.agent_port(service.name) for service in STACK.services}
    assert reached == {p.inside for p in ports if p.operations or p.public} | agents
