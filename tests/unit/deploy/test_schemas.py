"""Every object is what the API server takes, in each supported version, with no unknown field."""

from typing import get_args

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from tests.unit.deploy.site import objects

from mailstack.settings_kubernetes import VERSIONS, Kubernetes

SITES: dict[str, dict[str, object]] = {
    "small": {},
    "micro": {"kubernetes": {"profile": "micro"}},
    "everything": {
        "kubernetes": {
            "profile": "standard",
            "replicas": ["postfix=2", "spamd=3"],
            "storage_class": "fast",
            "external_addresses": ["192.0.2.1"],
            "service": "ClusterIP",
            "service_annotations": ["example.com/pool=mail"],
            "priority_class": "important",
            "client_address": "proxy",
            "dns_networks": ["169.254.20.10/32"],
            "monitoring_namespace": "monitoring",
            "api_networks": ["172.16.0.0/28"],
        },
        "acme": {"enabled": True},
        "listen": {"proxy_networks": ["10.9.0.0/24"]},
    },
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("site", SITES)
def test_strictly_valid(site: str, version: str) -> None:
    """A misspelt or misplaced field does not get as far as a cluster."""
    for one in objects(**SITES[site]):
        kubernetes_validate.validate(one, version, strict=True)


def test_the_versions_are_those_of_the_setting() -> None:
    """What can be chosen is what is checked."""
    assert get_args(Kubernetes.model_fields["version"].annotation) == VERSIONS
