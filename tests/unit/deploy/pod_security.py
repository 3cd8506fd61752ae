"""The Pod Security Standards, as far as a pod can break them: what the API server would refuse.

A second reading of the page "Pod Security Standards" (Kubernetes 1.34), control by control, beside
the code that renders. ``broken`` names each control that a pod breaks, as the API server does.
Linux alone, and no alpha features.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Pod = Mapping[str, Any]
Control = Callable[[Pod], bool]
"""Whether the pod keeps to it."""

LEVELS = ("privileged", "baseline", "restricted")
CAPABILITIES = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
"""That "baseline" lets a container add."""
SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"),
    *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"),
    *("net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time"),
    *("net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}
VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
    *("projected", "secret"),
}
"""That "restricted" lets a pod mount."""
HANDLERS = ("livenessProbe", "readinessProbe", "startupProbe")


def containers(pod: Pod) -> list[Mapping[str, Any]]:
    """All of them, those that prepare and sidecars, too."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def securities(pod: Pod) -> list[Mapping[str, Any]]:
    """What is said of the pod, and of each container."""
    return [pod.get("securityContext", {}), *_own(pod)]


def _own(pod: Pod) -> list[Mapping[str, Any]]:
    return [one.get("securityContext", {}) for one in containers(pod)]


def _said(pod: Pod, field: str, default: object = None) -> list[Any]:
    """What holds for each container: its own word, else the pod's."""
    whole = pod.get("securityContext", {}).get(field, default)
    return [own.get(field, whole) for own in _own(pod)]


def _added(pod: Pod) -> set[str]:
    return {name for own in _own(pod) for name in own.get("capabilities", {}).get("add", [])}


def _hosts(pod: Pod) -> Iterator[str]:
    """Yield the hosts that the node is told to ask (1.34)."""
    for one in containers(pod):
        hooks = one.get("lifecycle", {})
        for handler in [*map(one.get, HANDLERS), *map(hooks.get, ("postStart", "preStop"))]:
            for way in ("httpGet", "tcpSocket"):
                yield (handler or {}).get(way, {}).get("host", "")


def _drops_all(pod: Pod) -> bool:
    return all("ALL" in own.get("capabilities", {}).get("drop", []) for own in _own(pod))


def _mounts_what_is_allowed(pod: Pod) -> bool:
    return all((set(volume) - {"name"}) <= VOLUMES for volume in pod.get("volumes", []))


BASELINE: Mapping[str, Control] = {
    "host namespaces": lambda pod: not any(map(pod.get, ("hostNetwork", "hostPID", "hostIPC"))),
    "privileged": lambda pod: not any(own.get("privileged") for own in _own(pod)),
    "capabilities": lambda pod: _added(pod) <= CAPABILITIES,
    "hostPath": lambda pod: not any("hostPath" in volume for volume in pod.get("volumes", [])),
    "hostPort": lambda pod: (
        not any(port.get("hostPort") for one in containers(pod) for port in one.get("ports", []))
    ),
    "host of a probe": lambda pod: not any(_hosts(pod)),
    "AppArmor": lambda pod: all(
        one.get("appArmorProfile", {}).get("type") in {None, "RuntimeDefault", "Localhost"}
        for one in securities(pod)
    ),
    "SELinux": lambda pod: not any("seLinuxOptions" in one for one in securities(pod)),
    "procMount": lambda pod: all(own.get("procMount", "Default") == "Default" for own in _own(pod)),
    "seccomp": lambda pod: all(
        one.get("seccompProfile", {}).get("type") in {None, "RuntimeDefault", "Localhost"}
        for one in securities(pod)
    ),
    "sysctls": lambda pod: (
        {one["name"] for one in pod.get("securityContext", {}).get("sysctls", [])} <= SYSCTLS
    ),
}
RESTRICTED: Mapping[str, Control] = {
    "volume types": _mounts_what_is_allowed,
    "allowPrivilegeEscalation": lambda pod: all(
        own.get("allowPrivilegeEscalation") is False for own in _own(pod)
    ),
    "runAsNonRoot": lambda pod: all(one is True for one in _said(pod, "runAsNonRoot")),
    "runAsUser": lambda pod: all(one.get("runAsUser") != 0 for one in securities(pod)),
    "seccomp is set": lambda pod: all(_said(pod, "seccompProfile")),
    "all capabilities dropped": lambda pod: _drops_all(pod) and _added(pod) <= {"NET_BIND_SERVICE"},
}


def broken(pod: Pod, level: str) -> set[str]:
    """Name the controls of ``level`` to which ``pod`` does not keep."""
    controls: dict[str, Control] = {}
    if level in {"baseline", "restricted"}:
        controls |= BASELINE
    if level == "restricted":
        controls |= RESTRICTED
    return {name for name, keeps in controls.items() if not keeps(pod)}
