"""What the API server admits and a node then cannot run, or runs badly: facts of every pod."""

from collections import Counter

import pytest
from tests.unit.deploy.site import SITES, Object, objects, of_kind, pod_specs, residents, templates

from mailstack.topology.stack import STACK

LONGEST_PORT_NAME = 15
"""IANA service names (RFC 6335 5.1), which is what Kubernetes takes."""
JOBS = {job.name for job in STACK.jobs}


@pytest.fixture(params=SITES, scope="module")
def found(request: pytest.FixtureRequest) -> list[Object]:
    """Every object of an example installation."""
    return objects(**SITES[request.param])


def all_containers(spec: Object) -> list[Object]:
    """Those that prepare, too."""
    return [*spec.get("initContainers", []), *spec["containers"]]


def test_nothing_is_mounted_by_a_part_of_its_path(found: list[Object]) -> None:
    """A subPath is never exchanged by the kubelet, so that no change would arrive."""
    for spec in pod_specs(found).values():
        for one in all_containers(spec):
            assert not [m for m in one["volumeMounts"] if {"subPath", "subPathExpr"} & set(m)]


def test_what_is_mounted_is_there_once(found: list[Object]) -> None:
    """Each mount has its volume or claim, no path is taken twice, and no volume is idle."""
    for name, spec in pod_specs(found).items():
        workload = of_kind("StatefulSet", found).get(name, {"spec": {}})
        claims = workload["spec"].get("volumeClaimTemplates", [])
        volumes = [v["name"] for v in spec["volumes"]] + [c["metadata"]["name"] for c in claims]
        assert max(Counter(volumes).values()) == 1, name
        used = set()
        for one in all_containers(spec):
            paths = [mount["mountPath"] for mount in one["volumeMounts"]]
            assert max(Counter(paths).values()) == 1, one["name"]
            used |= {mount["name"] for mount in one["volumeMounts"]}
        assert used == set(volumes), name


def test_ports_of_a_pod_are_told_apart(found: list[Object]) -> None:
    """Containers of a pod share one network: neither a name nor a number is there twice."""
    for name, spec in pod_specs(found).items():
        ports = [port for one in residents(spec) for port in one.get("ports", [])]
        names = [port["name"] for port in ports]
        assert len(names) == len(set(names)), name
        assert all(len(one) <= LONGEST_PORT_NAME for one in names), name
        numbers = [(port["containerPort"], port["protocol"]) for port in ports]
        assert len(numbers) == len(set(numbers)), name


def test_names_are_unique(found: list[Object]) -> None:
    """Containers of a pod have names of their own, and so has every object of a kind."""
    for spec in pod_specs(found).values():
        names = [one["name"] for one in all_containers(spec)]
        assert len(names) == len(set(names))
    keys = [(one["kind"], one["metadata"]["name"]) for one in found]
    assert len(keys) == len(set(keys))


def test_a_mapped_pod_has_no_group_of_volumes(found: list[Object]) -> None:
    """With ``hostUsers: false`` the queue keeps its own groups; everybody else reads by theirs."""
    for name, spec in pod_specs(found).items():
        security = spec["securityContext"]
        assert ("fsGroup" in security) is (name != "postfix"), name
        if spec.get("hostUsers") is False:
            assert not {"fsGroup", "supplementalGroups", "fsGroupChangePolicy"} & set(security)
        else:
            assert security["fsGroup"] == security.get("runAsGroup", security["fsGroup"]) > 0


def test_a_node_can_be_drained(found: list[Object]) -> None:
    """Each workload gives way one pod at a time; a pod that is not ready is in nobody's way."""
    budgets = of_kind("PodDisruptionBudget", found)
    resident = of_kind("Deployment", found) | of_kind("StatefulSet", found)
    assert set(budgets) == set(resident)
    for name, one in budgets.items():
        assert one["spec"]["maxUnavailable"] == 1
        assert "minAvailable" not in one["spec"]
        assert one["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        assert one["spec"]["selector"] == resident[name]["spec"]["selector"]


def test_selectors_match_their_pods(found: list[Object]) -> None:
    """A workload, its budget and its Services find just the pods of that name."""
    made = templates(found)
    for kind in ("Deployment", "StatefulSet", "PodDisruptionBudget", "NetworkPolicy"):
        for name, one in of_kind(kind, found).items():
            selector = one["spec"].get("selector") or one["spec"]["podSelector"]
            if selector:  # the policy that denies everything has none
                assert selector["matchLabels"].items() <= made[name]["metadata"]["labels"].items()
    for one in of_kind("Service", found).values():
        selector = one["spec"]["selector"]
        labels = [template["metadata"]["labels"] for template in made.values()]
        assert [selector.items() <= each.items() for each in labels].count(True) == 1


def test_one_node_is_enough(found: list[Object]) -> None:
    """Pods are spread where there is room, and wait for no second node; nothing binds them."""
    for name, spec in pod_specs(found).items():
        for one in spec.get("topologySpreadConstraints", []):
            assert one["whenUnsatisfiable"] == "ScheduleAnyway"
            labels = templates(found)[name]["metadata"]["labels"]
            assert one["labelSelector"]["matchLabels"].items() <= labels.items()
        assert not {"affinity", "nodeSelector", "nodeName"} & set(spec)


def test_a_token_is_where_a_role_is(found: list[Object]) -> None:
    """No pod can speak to the API server but one that may do something there."""
    roles, bindings = of_kind("Role", found), of_kind("RoleBinding", found)
    accounts = of_kind("ServiceAccount", found)
    assert set(roles) == set(bindings)
    assert not of_kind("ClusterRole", found) | of_kind("ClusterRoleBinding", found)
    for name, spec in pod_specs(found).items():
        assert spec["automountServiceAccountToken"] is (name in roles), name
        assert accounts[spec["serviceAccountName"]]["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
    for name, one in bindings.items():
        assert one["roleRef"]["name"] == name
        assert {subject["name"] for subject in one["subjects"]} <= set(accounts)


def test_every_container_is_confined(found: list[Object]) -> None:
    """Containers that prepare and those of jobs, too, whether it is said of the pod or of them."""
    for name, spec in pod_specs(found).items():
        for one in all_containers(spec):
            security = spec["securityContext"] | one["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security.get("privileged", False) is False
            assert security["capabilities"]["drop"] == ["ALL"]
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            is_root = not security["runAsUser"]
            assert security["runAsNonRoot"] is not is_root
            assert not is_root or name == "postfix"
            assert is_root or "add" not in security["capabilities"]


def test_jobs_do_not_pile_up(found: list[Object]) -> None:
    """A run that hangs or fails ends, is kept to be looked at, and is not run beside the next."""
    jobs = of_kind("CronJob", found)
    assert {job.name for job in STACK.jobs if not job.optional} <= set(jobs) <= JOBS
    for one in jobs.values():
        spec, run = one["spec"], one["spec"]["jobTemplate"]["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert spec["successfulJobsHistoryLimit"] >= 1
        assert spec["failedJobsHistoryLimit"] >= 1
        # below 10 s the controller, which looks that often, may never start one
        assert spec["startingDeadlineSeconds"] >= 10
        assert 0 < run["backoffLimit"] <= 6
        assert run["activeDeadlineSeconds"] > 0
        assert run["template"]["spec"]["restartPolicy"] in {"OnFailure", "Never"}


def test_every_container_asks_and_is_bounded(found: list[Object]) -> None:
    """Memory and processor are asked for, memory is bounded; scratch folders are, too."""
    for spec in pod_specs(found).values():
        for one in all_containers(spec):
            assert set(one["resources"]["requests"]) == {"cpu", "memory"}
            assert set(one["resources"]["limits"]) == {"memory"}
        for volume in spec["volumes"]:
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]


def test_who_stays_is_asked_how_it_is(found: list[Object]) -> None:
    """Three probes for a resident container, each at a port that it declares; jobs have none."""
    probes = {"startupProbe", "readinessProbe", "livenessProbe"}
    for name, spec in pod_specs(found).items():
        for one in residents(spec):
            assert probes & set(one) == (set() if name in JOBS else probes), one["name"]
            declared = {port["containerPort"] for port in one.get("ports", [])}
            for probe in probes & set(one):
                assert one[probe]["httpGet"]["port"] in declared
                assert one[probe]["timeoutSeconds"] >= 1
        for one in all_containers(spec):
            assert one in residents(spec) or not probes & set(one)


def test_a_stateful_set_has_its_headless_service(found: list[Object]) -> None:
    """It names one that exists, has no address, and leads to its pods."""
    services = of_kind("Service", found)
    for one in of_kind("StatefulSet", found).values():
        headless = services[one["spec"]["serviceName"]]["spec"]
        assert headless["clusterIP"] == "None"
        assert headless["selector"].items() <= one["spec"]["selector"]["matchLabels"].items()


def test_services_lead_to_ports_that_are_open(found: list[Object]) -> None:
    """The target of each is a container's port, with the same protocol; each is there once."""
    for one in of_kind("Service", found).values():
        spec = pod_specs(found)[one["metadata"]["labels"]["app.kubernetes.io/name"]]
        ports = [port for each in residents(spec) for port in each.get("ports", [])]
        opened = {(port["containerPort"], port["protocol"]) for port in ports}
        offered = one["spec"]["ports"]
        assert {(port["targetPort"], port["protocol"]) for port in offered} <= opened
        assert len({port["name"] for port in offered}) == len(offered)
        assert len({(port["port"], port["protocol"]) for port in offered}) == len(offered)
