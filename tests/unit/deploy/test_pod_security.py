"""Pod Security admission: whether the namespace lets each pod in, and what it warns of."""

from typing import Any

import pytest
from tests.unit.deploy.pod_security import LEVELS, broken
from tests.unit.deploy.site import SITES, Object, objects, of_kind, pod_specs

ROOT = {"runAsNonRoot", "runAsUser", "all capabilities dropped"}
"""Of "restricted", what Postfix's pod breaks, and what its warning is about when it is applied."""
AT_THE_NODE = {"kubernetes": {"service": "HostPort"}}


def level(found: list[Object], mode: str = "enforce") -> str:
    """The level that the namespace names."""
    (namespace,) = of_kind("Namespace", found).values()
    return str(namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"])


@pytest.mark.parametrize("site", [*SITES.values(), AT_THE_NODE])
def test_the_namespace_lets_each_pod_in(site: dict[str, Any]) -> None:
    """No pod breaks a control of the level that is enforced."""
    found = objects(**site)
    assert level(found) in LEVELS
    for name, spec in pod_specs(found).items():
        assert not broken(spec, level(found)), name


@pytest.mark.parametrize("site", SITES)
def test_all_but_postfix_keep_to_the_strictest(site: str) -> None:
    """Only a pod that needs root needs "baseline", and needs no more of it than it says."""
    found = objects(**SITES[site])
    assert level(found) == "baseline"
    assert level(found, "warn") == level(found, "audit") == "restricted"
    for name, spec in pod_specs(found).items():
        assert broken(spec, "restricted") == (ROOT if name == "postfix" else set()), name


def test_host_ports_alone_need_the_widest() -> None:
    """A port of the node is what "baseline" forbids, and nothing else of ours."""
    found = objects(**AT_THE_NODE)
    assert level(found) == "privileged"
    assert {str(broken(spec, "baseline")) for spec in pod_specs(found).values()} == {
        str(set()),
        str({"hostPort"}),
    }


@pytest.mark.parametrize(
    ("pod", "control"),
    [
        ({"hostNetwork": True}, "host namespaces"),
        ({"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, "sysctls"),
        ({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, "seccomp"),
    ],
)
def test_the_reading_finds_what_is_wrong(pod: dict[str, Any], control: str) -> None:
    """A check that nothing can fail would prove nothing."""
    assert broken({"containers": [{}], **pod}, "baseline") == {control}


@pytest.mark.parametrize(
    ("container", "control"),
    [
        ({"securityContext": {"privileged": True}}, "privileged"),
        ({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}, "capabilities"),
        ({"ports": [{"containerPort": 25, "hostPort": 25}]}, "hostPort"),
        ({"livenessProbe": {"httpGet": {"host": "192.0.2.1", "port": 1}}}, "host of a probe"),
        ({"securityContext": {"procMount": "Unmasked"}}, "procMount"),
    ],
)
def test_also_in_a_container_that_prepares(container: dict[str, Any], control: str) -> None:
    """Controls hold for each container of a pod, whenever it runs."""
    assert broken({"containers": [container]}, "baseline") == {control}
    assert broken({"containers": [], "initContainers": [container]}, "baseline") == {control}


def test_an_empty_pod_is_not_restricted_enough() -> None:
    """To be "restricted" has to be asked for; what is not said is not so."""
    assert broken({"containers": [{}]}, "baseline") == set()
    assert broken({"containers": [{}]}, "restricted") == {
        "allowPrivilegeEscalation",
        "runAsNonRoot",
        "seccomp is set",
        "all capabilities dropped",
    }
