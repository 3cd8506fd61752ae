"""What pods may do, how much they get, and how a cluster learns how they are."""

import pytest
from tests.unit.deploy.site import WHOLE, Object, objects, of_kind, plan, pod_specs, residents

from mailstack.deploy.kubernetes.containers import POSTFIX_CAPABILITIES
from mailstack.deploy.plan import SIZES
from mailstack.errors import ConfigError
from mailstack.topology.selection import selected
from mailstack.topology.stack import STACK

MICRO_MIB = 600


def containers(found: list[Object]) -> list[Object]:
    return [one for spec in pod_specs(found).values() for one in residents(spec)]


def mebibytes(quantity: str) -> int:
    return int(quantity.removesuffix("Mi"))


def test_every_service_has_a_container() -> None:
    """What is declared runs, in the pod that is declared."""
    specs = pod_specs(objects(**WHOLE))
    placed = {(pod, one["name"]) for pod, spec in specs.items() for one in residents(spec)}
    declared = {(STACK.pod_of(service.name), service.name) for service in STACK.services}
    assert placed == declared | {(job.name, job.name) for job in STACK.jobs}


def test_what_keeps_data_is_a_stateful_set() -> None:
    """A volume belongs to one pod for good; what has none is a Deployment."""
    found = objects(**WHOLE)
    keeping = {STACK.pod_of(service.name) for service in STACK.services if service.volumes}
    assert set(of_kind("StatefulSet", found)) == keeping
    claims = of_kind("StatefulSet", found)["postfix"]["spec"]["volumeClaimTemplates"]
    sizes = {one["metadata"]["name"]: one["spec"]["resources"]["requests"] for one in claims}
    volumes = STACK.service("postfix").volumes
    assert sizes["postfix-data"] == {"storage": f"{sum(v.megabytes for v in volumes)}Mi"}


def test_a_stateful_set_names_its_pods_by_a_headless_service() -> None:
    """Kubernetes wants one without an address, which leads to these pods and no others."""
    found = objects()
    services = of_kind("Service", found)
    for stateful in of_kind("StatefulSet", found).values():
        headless = services[stateful["spec"]["serviceName"]]["spec"]
        assert headless["clusterIP"] == "None"
        assert headless["selector"] == stateful["spec"]["selector"]["matchLabels"]


def test_every_container_is_locked_down() -> None:
    """Read-only root, no new privileges, no capability but Postfix's own."""
    for one in containers(objects()):
        security = one["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert not security["allowPrivilegeEscalation"]
        assert security["capabilities"]["drop"] == ["ALL"]
        added = security["capabilities"].get("add", [])
        assert set(added) == (set(POSTFIX_CAPABILITIES) if one["name"] == "postfix" else set())


def test_nobody_but_postfix_is_root() -> None:
    """Every container runs as its account, by a number that the kubelet can check."""
    roots = [
        one["name"] for one in containers(objects()) if not one["securityContext"]["runAsUser"]
    ]
    assert roots == ["postfix"]
    for one in containers(objects()):
        assert one["securityContext"]["runAsNonRoot"] is (one["name"] != "postfix")


def test_a_secret_is_where_it_is_read_and_nowhere_else() -> None:
    """Each container mounts what its service reads or exchanges; a ConfigMap holds none."""
    specs = pod_specs(objects(**WHOLE))
    for service in STACK.services:
        volumes = specs[STACK.pod_of(service.name)]["volumes"]
        mounted = [
            source["secret"]["name"].removeprefix("mailstack-")
            for volume in volumes
            if volume["name"] == f"{service.name}-secrets"
            for source in volume["projected"]["sources"]
        ]
        assert mounted == [*service.secrets, *service.writes], service.name
    for config in of_kind("ConfigMap", objects()).values():
        assert "PRIVATE KEY" not in str(config)


def test_no_pod_has_a_token_of_the_cluster() -> None:
    """No service asks the cluster's API anything, so none may."""
    found = objects()
    for name, spec in pod_specs(found).items():
        assert spec["automountServiceAccountToken"] is False
        assert spec["serviceAccountName"] == name
        assert of_kind("ServiceAccount", found)[name]["automountServiceAccountToken"] is False


def test_who_exchanges_a_secret_may_do_just_that() -> None:
    """One pod has a token, which opens the one Secret of the certificate; all others have none."""
    found = objects(**WHOLE)
    tokens = {n for n, s in pod_specs(found).items() if s["automountServiceAccountToken"]}
    assert tokens == {"letsencrypt"}
    assert set(of_kind("Role", found)) == set(of_kind("RoleBinding", found)) == tokens
    assert of_kind("Role", found)["letsencrypt"]["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["mailstack-tls"],
            "verbs": ["get", "patch", "update"],
        }
    ]
    binding = of_kind("RoleBinding", found)["letsencrypt"]
    assert binding["roleRef"]["name"] == "letsencrypt"
    assert [one["name"] for one in binding["subjects"]] == ["letsencrypt"]
    account = of_kind("ServiceAccount", found)["letsencrypt"]
    assert account["automountServiceAccountToken"] is False
    assert not of_kind("Role", objects())


def test_with_events_every_resident_pod_may_make_them() -> None:
    """In its namespace, and nothing else; it knows which pod it is. A job's pod has no agent."""
    wanted = {"events": True, "api_networks": ["172.16.0.0/28"]}
    found = objects(**WHOLE, kubernetes=wanted)
    roles, jobs = of_kind("Role", found), {job.name for job in STACK.jobs}
    assert set(roles) == set(pod_specs(found)) - jobs
    rule = {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}
    assert {str(role["rules"]) for name, role in roles.items() if name != "letsencrypt"} == {
        str([rule])
    }
    assert [one["resources"] for one in roles["letsencrypt"]["rules"]] == [["secrets"], ["events"]]
    for name, spec in pod_specs(found).items():
        for one in residents(spec):
            told = {v["name"]: v["valueFrom"]["fieldRef"] for v in one["env"] if "valueFrom" in v}
            assert (told == {}) is (name in jobs)
            if told:
                assert told["MAILSTACK_POD"] == {"fieldPath": "metadata.name"}
                assert told["MAILSTACK_POD_UID"] == {"fieldPath": "metadata.uid"}


def test_events_open_no_way_to_everywhere() -> None:
    """Each pod gets a way to the API server: the settings have to say where that is."""
    with pytest.raises(ConfigError, match="events lets each pod speak to the API server") as told:
        plan(kubernetes={"events": True})
    assert "\n" not in str(told.value)


def test_probes_ask_the_agent() -> None:
    """Readiness is the daemon's own dialog, which the agent has; a mere open port would lie."""
    for one in containers(objects()):
        if one["name"] in {job.name for job in STACK.jobs}:
            continue
        port = STACK.agent_port(one["name"])
        assert one["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port}
        started = "/healthz" if "restartPolicy" in one else "/readyz"
        assert one["startupProbe"]["httpGet"] == {"path": started, "port": port}
        assert one["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": port}


@pytest.mark.parametrize("profile", SIZES)
def test_requests_and_limits(profile: str) -> None:
    """Every container asks for memory and has a limit above it; its processor has none."""
    for one in containers(objects(kubernetes={"profile": profile})):
        resources = one["resources"]
        asked = mebibytes(resources["requests"]["memory"])
        assert asked < mebibytes(resources["limits"]["memory"])
        assert "cpu" not in resources["limits"]


@pytest.mark.parametrize("acme", [False, True])
def test_micro_fits_a_small_node(*, acme: bool) -> None:
    """All requests at once are within 600 MiB: those of jobs, and with certificates of our own.

    What is optional is not there, so the stack examines itself only when its owner asks it to.
    """
    found = objects(kubernetes={"profile": "micro"}, acme={"enabled": acme})
    placed = containers(found)
    total = sum(mebibytes(one["resources"]["requests"]["memory"]) for one in placed)
    assert total <= MICRO_MIB
    names = {one["name"] for one in placed}
    assert ("letsencrypt" in names) is acme
    assert {job.name for job in STACK.jobs if not job.optional} <= names
    optional = {one.name for one in STACK.services if one.optional}
    optional |= {job.name for job in STACK.jobs if job.optional}
    assert optional
    assert not optional & names


def test_postfix_drains() -> None:
    """Before it ends it takes no new mail and sends what it can, and it is given the time."""
    spec = pod_specs(objects())["postfix"]
    hook = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert hook == ["mailstack", "drain", "postfix"]
    assert spec["terminationGracePeriodSeconds"] >= 120


def test_what_postfix_needs_to_drain_ends_after_it() -> None:
    """All containers of a pod are told to end at once, but sidecars, which are told last."""
    found = pod_specs(objects())
    sidecars = {
        (name, one["name"])
        for name, spec in found.items()
        for one in spec.get("initContainers", [])
        if one.get("restartPolicy") == "Always"
    }
    members = {service.name: service.pod for service in STACK.services if service.pod}
    asked = {
        (link.source, link.target)
        for link in STACK.links
        if members.get(link.target) == link.source
    }
    assert sidecars == asked == {("postfix", "contentfilter"), ("postfix", "tlspolicy")}


@pytest.mark.parametrize(
    ("kubernetes", "mapped"),
    [
        ({}, True),
        ({"version": "1.32"}, False),
        ({"user_namespaces": "off"}, False),
        ({"version": "1.31", "user_namespaces": "on"}, True),
    ],
)
def test_root_of_the_pod_is_nobody_on_the_node(
    kubernetes: dict[str, object],
    mapped: bool,  # noqa: FBT001 - an expectation
) -> None:
    """Where the cluster has user namespaces, and only for the pod that needs root."""
    specs = pod_specs(objects(kubernetes=kubernetes))
    assert [name for name, spec in specs.items() if spec.get("hostUsers") is False] == (
        ["postfix"] if mapped else []
    )


def test_replicas() -> None:
    """What can be several is as many as asked; what cannot stays one, and the owner is told why."""
    made = plan(kubernetes={"replicas": ["postfix=2", "couchmail=3"]})
    assert (made.replicas("postfix"), made.replicas("couchmail")) == (2, 1)
    notes = "\n".join(made.warnings())
    assert "couchmail stays at one replica, not 3: an SQLite store has one writer" in notes
    found = objects(kubernetes={"replicas": ["postfix=2", "couchmail=3"]})
    assert of_kind("StatefulSet", found)["postfix"]["spec"]["replicas"] == 2
    assert "postfix" in of_kind("PodDisruptionBudget", found)
    assert "topologySpreadConstraints" in pod_specs(found)["postfix"]
    assert "topologySpreadConstraints" not in pod_specs(found)["couchmail"]


def test_what_settings_switch_off_is_not_there() -> None:
    """Without greylisting there is no pod for it, and no rule that lets anybody to it."""
    found = objects(greylist={"enabled": False})
    assert "postgrey" not in pod_specs(found)
    assert "postgrey" not in str(of_kind("NetworkPolicy", found))
    settings = plan(greylist={"enabled": False}).settings
    assert all(service.name != "postgrey" for service in selected(STACK, settings).services)


def test_public_services() -> None:
    """The world's ports lead to those of containers, and a client's address arrives."""
    found = of_kind("Service", objects())
    spec = found["dovecot-public"]["spec"]
    ports = {one["port"]: one["targetPort"] for one in spec["ports"]}
    assert ports == {143: 10143, 993: 10993, 4190: 4190}
    assert spec["externalTrafficPolicy"] == "Local"
    assert {one["port"] for one in found["postfix-public"]["spec"]["ports"]} == {25, 465, 587}


def test_a_volume_in_postfix_pod_gets_its_owner() -> None:
    """Postfix's pod has no group for volumes, so that of another account is handed over first."""
    spec = pod_specs(objects())["postfix"]
    assert "fsGroup" not in spec["securityContext"]
    names = ("tlspolicy", "contentfilter")
    uids = {STACK.service(name).uid for name in names}
    first = [one for one in spec["initContainers"] if "restartPolicy" not in one]
    assert first == spec["initContainers"][: len(first)]  # sidecars use what is handed over
    assert {one["command"][1] for one in first} == {f"{uid}:{uid}" for uid in uids}
    for one in first:
        assert one["command"][0] == "chown"
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN"]}


def test_images_are_pulled_as_the_owner_says() -> None:
    """In every container, those that prepare and those of jobs, and with the secrets named."""
    wanted = {"pull_policy": "Always", "pull_secrets": ["registry", "mirror"]}
    specs = pod_specs(objects(**WHOLE, kubernetes=wanted)).values()
    assert specs
    for spec in specs:
        assert spec["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]
        made = [*spec.get("initContainers", []), *spec["containers"]]
        assert {one["imagePullPolicy"] for one in made} == {"Always"}
    for spec in pod_specs(objects(**WHOLE)).values():
        assert "imagePullSecrets" not in spec


def test_what_the_world_speaks_to_is_where_its_address_is() -> None:
    """Pods with public ports run on the nodes that are named; all others run anywhere."""
    labels = ["kubernetes.io/hostname=node1", "example.com/mail="]
    specs = pod_specs(objects(**WHOLE, kubernetes={"public_nodes": labels}))
    public = {STACK.pod_of(one.name) for one in STACK.services for p in one.ports if p.public}
    assert {name for name, spec in specs.items() if "nodeSelector" in spec} == public
    for name in public:
        assert specs[name]["nodeSelector"] == {
            "kubernetes.io/hostname": "node1",
            "example.com/mail": "",
        }


def test_host_ports_are_the_public_ones() -> None:
    """Open at the node itself, with no Service; a new pod waits until the port is free."""
    found = objects(**WHOLE, kubernetes={"service": "HostPort"})
    opened = {
        port["hostPort"]
        for spec in pod_specs(found).values()
        for one in residents(spec)
        for port in one.get("ports", [])
        if "hostPort" in port
    }
    assert opened == {p.number for one in STACK.services for p in one.ports if p.public}
    assert not [name for name in of_kind("Service", found) if name.endswith("-public")]
    for name, one in of_kind("Deployment", found).items():
        at_the_node = "hostPort" in str(one)
        assert (one["spec"].get("strategy") == {"type": "Recreate"}) is at_the_node, name


@pytest.mark.parametrize(
    "more", [{"external_addresses": ["192.0.2.1"]}, {"service_annotations": ["a/b=c"]}]
)
def test_host_ports_have_no_service_to_say_more_of(more: dict[str, object]) -> None:
    """What would be of no effect is refused, in one line."""
    with pytest.raises(ConfigError, match="with service = HostPort there is none") as told:
        plan(kubernetes={"service": "HostPort", **more})
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["node1", "=x", "a b=c", "x=/"])
def test_a_label_that_is_none(text: str) -> None:
    """It is refused before a cluster sees it."""
    with pytest.raises(ConfigError, match="is not LABEL=VALUE"):
        plan(kubernetes={"public_nodes": [text]})
