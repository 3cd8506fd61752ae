"""The table ``[kubernetes]`` of the settings: what the manifests look like.

Nothing here changes a daemon's configuration; what does stands in the other tables.
"""

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mailstack.settings_section import Section

VERSIONS = ("1.31", "1.32", "1.33", "1.34")
"""Of Kubernetes, for which the manifests are checked."""

_REPLICAS = re.compile(r"[a-z][a-z0-9-]*=[1-9]\d?")
_ANNOTATION = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?=.*")
_LABEL = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9][A-Za-z0-9._-]{0,62}=[A-Za-z0-9._-]{0,63}")
_OBJECT = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
"""A name of an object (RFC 1123, which Kubernetes goes by)."""


def _replicas(text: str) -> str:
    if not _REPLICAS.fullmatch(text):
        raise ValueError(f"{text!r} is not SERVICE=NUMBER; write one like postfix=2")
    return text


def _annotation(text: str) -> str:
    if not _ANNOTATION.fullmatch(text):
        raise ValueError(f"{text!r} is not KEY=VALUE; write one like example.com/pool=mail")
    return text


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError(
            f"{text!r} is not LABEL=VALUE; write one like kubernetes.io/hostname=node1"
        )
    return text


def _address(text: str) -> str:
    return str(ip_address(text))


def _network(text: str) -> str:
    return str(ip_network(text))


class Kubernetes(Section):
    """The manifests of ``mailstack render kubernetes``."""

    version: Literal["1.31", "1.32", "1.33", "1.34"] = Field(
        default="1.34", description="Oldest version that the cluster may have."
    )
    profile: Literal["micro", "small", "standard"] = Field(
        default="small",
        description="How much memory is asked for. micro: all of it on one node of 1 GiB, without "
        "optional services. standard: what each service needs when it is busy.",
    )
    replicas: tuple[Annotated[str, AfterValidator(_replicas)], ...] = Field(
        default=(),
        description='SERVICE=NUMBER, as in ["postfix=2"], for services that can be several.',
    )
    images: str = Field(
        default="localhost/mailstack",
        pattern=r"^[a-z0-9][a-z0-9._:/-]*[a-z0-9]$",
        description="Where the images are: the registry and folder before /SERVICE:TAG.",
    )
    tag: str = Field(
        default="", description="Tag of the images; unset: the version of this program."
    )
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = Field(
        default="IfNotPresent",
        description="When a node asks the registry. Always: where you push other images with the "
        "same tag, or where nobody may start an image without a right to it. Never: images that "
        "you bring into the node yourself.",
    )
    pull_secrets: tuple[Annotated[str, Field(pattern=_OBJECT)], ...] = Field(
        default=(),
        description="Names of Secrets in the namespace with which images are pulled (kubectl "
        "create secret docker-registry).",
    )
    storage_class: str = Field(
        default="", description="Of the volumes; unset: the cluster's default."
    )
    service: Literal["LoadBalancer", "NodePort", "ClusterIP", "HostPort"] = Field(
        default="LoadBalancer",
        description="How the public ports reach the world. Without a cloud a LoadBalancer still "
        "has its node ports, and external_addresses. HostPort: they are open at the node's own "
        "address, with no Service; the Pod Security Standard baseline forbids that, so that "
        "privileged has to be enforced in the namespace.",
    )
    public_nodes: tuple[Annotated[str, AfterValidator(_label)], ...] = Field(
        default=(),
        description="LABEL=VALUE of the nodes on which pods with public ports run (nodeSelector). "
        "With several nodes external_addresses and HostPort need it: a client's address arrives "
        "only at the node on which the pod is.",
    )
    external_addresses: tuple[Annotated[str, AfterValidator(_address)], ...] = Field(
        default=(),
        description="IP addresses of nodes at which the public ports are open as well. The way for "
        "one node with a static address, where SMTP and IMAP shall have the same one.",
    )
    service_annotations: tuple[Annotated[str, AfterValidator(_annotation)], ...] = Field(
        default=(),
        description="KEY=VALUE on the public Services, for what the cloud wants to be told; with "
        'client_address = "proxy" on those of SMTP and IMAP alone.',
    )
    client_address: Literal["local", "proxy"] = Field(
        default="local",
        description="How the address of a client gets here. local: externalTrafficPolicy Local. "
        "proxy: the PROXY protocol, from listen.proxy_networks, for SMTP, IMAP and ManageSieve; "
        "the same as local for the web (443, 80).",
    )
    user_namespaces: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Map root of Postfix's pod to nobody on the node (hostUsers: false). auto: "
        "where version is 1.33 or later, in which clusters have it switched on.",
    )
    priority_class: str = Field(
        default="", description="PriorityClass of the pods; it must exist. Unset: none."
    )
    api_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(),
        description="Networks of the cluster's API server, to which the pod that exchanges the "
        "certificate may speak, and with events all pods (kubectl get endpointslices kubernetes). "
        "Empty: any.",
    )
    api_port: int = Field(
        default=6443, gt=0, le=65_535, description="Port at which it listens there, besides 443."
    )
    dns_networks: tuple[str, ...] = Field(
        default=(),
        description="Networks in which the cluster's DNS answers, where it is no pod labelled "
        "k8s-app=kube-dns of kube-system: 169.254.20.10/32 for a cache on each node.",
    )
    events: bool = Field(
        default=False,
        description="Have a pod tell the cluster, by an Event, that it refused a configuration or "
        "that its certificate ends soon. Needs api_networks.",
    )
    monitoring_namespace: str = Field(
        default="",
        description="Namespace whose pods may read health and metrics; unset: none may.",
    )

    @model_validator(mode="after")
    def _micro_is_single(self) -> "Kubernetes":
        more = [text for text in self.replicas if not text.endswith("=1")]
        if self.profile == "micro" and more:
            raise ValueError(
                f"the profile micro has one of each service, and replicas asks for {more[0]}"
            )
        return self

    @model_validator(mode="after")
    def _events_leave_nothing_open(self) -> "Kubernetes":
        if self.events and not self.api_networks:
            raise ValueError(
                "events lets each pod speak to the API server, so api_networks has to say where "
                "that is: see kubectl get endpointslices kubernetes"
            )
        return self

    @model_validator(mode="after")
    def _host_ports_need_no_service(self) -> "Kubernetes":
        for name in ("external_addresses", "service_annotations"):
            if self.service == "HostPort" and getattr(self, name):
                raise ValueError(
                    f"{name} is of a Service, and with service = HostPort there is none"
                )
        return self

    @property
    def has_host_ports(self) -> bool:
        """Whether the public ports are open at a node itself."""
        return self.service == "HostPort"

    @property
    def replica_counts(self) -> dict[str, int]:
        """Service → number, for those that are named."""
        pairs = (text.split("=") for text in self.replicas)
        return {name: int(number) for name, number in pairs}

    @property
    def has_user_namespaces(self) -> bool:
        """Whether Postfix's pod gets a user namespace."""
        if self.user_namespaces != "auto":
            return self.user_namespaces == "on"
        return VERSIONS.index(self.version) >= VERSIONS.index("1.33")
