"""Every object is what the API server takes, in each supported version, with no unknown field."""

from typing import get_args

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from tests.unit.deploy.site import SITES, objects

from mailstack.settings_kubernetes import VERSIONS, Kubernetes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("site", SITES)
def test_strictly_valid(site: str, version: str) -> None:
    """A misspelt or misplaced field does not get as far as a cluster."""
    for one in objects(**SITES[site]):
        kubernetes_validate.validate(one, version, strict=True)


def test_the_versions_are_those_of_the_setting() -> None:
    """What can be chosen is what is checked."""
    assert get_args(Kubernetes.model_fields["version"].annotation) == VERSIONS
