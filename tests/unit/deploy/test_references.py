"""Whatever an object names is there, made by somebody, or may be missing."""

from collections.abc import Iterator

import pytest
import yaml
from tests.unit.deploy.site import SITES, Object, objects, of_kind, plan, pod_specs

from mailstack.deploy import secret_files
from mailstack.topology.stack import STACK

Source = tuple[str, Object]


@pytest.fixture(params=SITES, scope="module")
def site(request: pytest.FixtureRequest) -> dict[str, object]:
    """The settings of an example installation."""
    return SITES[request.param]


def sources(spec: Object) -> Iterator[Source]:
    """Kind and reference of each ConfigMap and Secret that a pod mounts or reads."""
    for volume in spec["volumes"]:
        parts = [volume, *volume.get("projected", {}).get("sources", [])]
        for part in parts:
            if "configMap" in part:
                yield "ConfigMap", part["configMap"]
            if "secret" in part:
                secret = part["secret"]
                yield "Secret", {**secret, "name": secret.get("name", secret.get("secretName"))}
    for one in [*spec.get("initContainers", []), *spec["containers"]]:
        assert "envFrom" not in one
        values = [each["valueFrom"] for each in one.get("env", []) if "valueFrom" in each]
        assert all(set(value) == {"fieldRef"} for value in values)  # of the pod itself


def made_secrets(site: dict[str, object]) -> dict[str, set[str]]:
    """Secret → its keys, as ``secrets/kustomization.yaml`` has them generated."""
    (found,) = yaml.safe_load_all(secret_files.kustomization(plan(**site)))
    return {
        one["name"]: {file.partition("=")[0].rpartition("/")[2] for file in one["files"]}
        for one in found["secretGenerator"]
    }


def test_every_map_and_secret_is_there(site: dict[str, object]) -> None:
    """A pod that waits for one that nobody makes would never start."""
    found = objects(**site)
    maps, secrets = of_kind("ConfigMap", found), made_secrets(site)
    for name, spec in pod_specs(found).items():
        for kind, one in sources(spec):
            known = maps if kind == "ConfigMap" else secrets
            assert one["name"] in known or one.get("optional") is True, (name, one)


def test_every_key_of_a_secret_is_in_it(site: dict[str, object]) -> None:
    """A projected key that is missing keeps a pod from starting as well."""
    secrets = made_secrets(site)
    for spec in pod_specs(objects(**site)).values():
        for kind, one in sources(spec):
            if kind == "Secret" and one["name"] in secrets:
                assert {item["key"] for item in one["items"]} <= secrets[one["name"]]


def test_only_what_the_owner_brings_may_be_missing(site: dict[str, object]) -> None:
    """Overrides and the key of DNS updates; a certificate that is optional would hide its loss."""
    optional = {f"{service.name}-overrides" for service in STACK.services}
    optional |= {f"mailstack-{secret.name}" for secret in STACK.secrets if secret.optional}
    for spec in pod_specs(objects(**site)).values():
        for _, one in sources(spec):
            assert not one.get("optional") or one["name"] in optional


def test_every_claim_and_account_is_there(site: dict[str, object]) -> None:
    """Claims are made by a template or by themselves, and each pod has its own account."""
    found = objects(**site)
    claims = of_kind("PersistentVolumeClaim", found)
    for name, spec in pod_specs(found).items():
        assert spec["serviceAccountName"] in of_kind("ServiceAccount", found), name
        for volume in spec["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims


def test_a_role_names_secrets_that_are_made(site: dict[str, object]) -> None:
    """The right to change a Secret by name is worth nothing where there is none of that name."""
    for role in of_kind("Role", objects(**site)).values():
        for rule in role["rules"]:
            assert set(rule.get("resourceNames", [])) <= set(made_secrets(site))


def test_everything_is_in_the_namespace(site: dict[str, object]) -> None:
    """What is applied stays in one place, and goes with it."""
    for one in objects(**site):
        inside = one["metadata"].get("namespace")
        assert inside == (None if one["kind"] == "Namespace" else plan(**site).name)
