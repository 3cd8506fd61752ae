"""The folder as a whole: same bytes, minimal differences, kept secrets, one line for a mistake."""

import difflib
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.unit.deploy.site import plan

from mailstack.cli.__main__ import run
from mailstack.deploy import cluster, compose
from mailstack.deploy.kubernetes.render import render
from mailstack.settings_file import load
from mailstack.topology.stack import STACK

LEAST = 'domain = "example.org"\nemail = "owner@example.net"\n'
PLACE = {"region": "europe-west3", "zone": "europe-west3-a"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A settings file in a folder of its own."""
    made = tmp_path / "mailstack.toml"
    made.write_text(LEAST)
    return made


def rendered(file: Path, *more: str, engine: str = "kubernetes") -> int:
    out = str(file.parent / "out")
    return run(["--config", str(file), *more, "render", engine, "--out", out])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("engine", ["kubernetes", "compose"])
def test_twice_is_the_same(file: Path, engine: str) -> None:
    """Rendering again writes the same bytes, and the secrets stay what they were."""
    assert rendered(file, engine=engine) == 0
    before = contents(file.parent / "out")
    assert "secrets/dkim.private" in before
    assert rendered(file, engine=engine) == 0
    assert contents(file.parent / "out") == before


def test_a_setting_changes_what_it_is_about() -> None:
    """A diff of the folder shows the owner's change and nothing else."""
    old, new = render(plan()), render(plan(greylist={"delay": 60}))
    assert [name for name in old if old[name] != new[name]] == ["settings.yaml"]
    changed = [
        line
        for line in difflib.ndiff(
            old["settings.yaml"].splitlines(), new["settings.yaml"].splitlines()
        )
        if line[0] in "+-"
    ]
    assert changed == ["+     [greylist]", "+     delay = 60"]


def test_the_settings_in_the_pod_are_those_of_the_owner(tmp_path: Path) -> None:
    """What the ConfigMap holds is read back as the same settings, sets included."""
    made = plan(
        dns={"forward": ["192.0.2.1@5353"]},
        smtp={"max_message_octets": "10MiB"},
        kubernetes={"replicas": ["postfix=2"]},
    )
    config = yaml.safe_load(render(made)["settings.yaml"])
    (tmp_path / "m.toml").write_text(config["data"]["mailstack.toml"])
    assert load(tmp_path / "m.toml") == made.settings


def test_what_is_no_longer_wanted_is_removed(file: Path) -> None:
    """A service that is switched off leaves no manifest behind; the owner's own files stay."""
    assert rendered(file) == 0
    out = file.parent / "out"
    (out / "mine.yaml").write_text("kind: Mine\n")
    assert rendered(file, "--set", "greylist.enabled=false") == 0
    assert not (out / "postgrey.yaml").exists()
    assert (out / "mine.yaml").exists()


def test_overrides_become_config_maps(file: Path) -> None:
    """The owner's lines for a daemon lie beside the manifests, as in the state folder."""
    lines = file.parent / "out" / "overrides" / "postfix"
    lines.mkdir(parents=True)
    (lines / "main.cf").write_text("message_size_limit = 1000\n")
    assert rendered(file) == 0
    kustomization = yaml.safe_load((file.parent / "out" / "kustomization.yaml").read_text())
    assert kustomization["configMapGenerator"] == [
        {"name": "postfix-overrides", "files": ["overrides/postfix/main.cf"]}
    ]
    assert kustomization["generatorOptions"] == {"disableNameSuffixHash": True}


MISTAKES = {
    "profile": (["--set", "kubernetes.profile=huge"], "kubernetes.profile must be"),
    "service": (
        ["--set", "kubernetes.replicas=postfixx=2"],
        "kubernetes.replicas names 'postfixx'",
    ),
    "contradiction": (
        ["--set", 'kubernetes={profile="micro",replicas=["postfix=2"]}'],
        "the profile micro has one of each service",
    ),
    "proxy without networks": (
        ["--set", "kubernetes.client_address=proxy"],
        "needs listen.proxy_networks",
    ),
    "proxy of everybody": (["--set", "listen.proxy_networks=0.0.0.0/0"], "is everybody"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    file: Path, mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written, and the line says what is wrong."""
    sets, words = MISTAKES[mistake]
    assert rendered(file, *sets) == 1
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (file.parent / "out" / "kustomization.yaml").exists()


def test_half_a_pair_is_the_owners_to_complete(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A certificate without its key is neither replaced nor deployed."""
    tls = file.parent / "out" / "secrets" / "tls"
    tls.mkdir(parents=True)
    (tls / "fullchain.pem").write_text("mine")
    assert rendered(file) == 1
    assert "privkey.pem: the secret 'tls' is missing" in capsys.readouterr().err
    assert (tls / "fullchain.pem").read_text() == "mine"


def test_secrets_move_house(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The keys of one machine become those of the cluster, and are not overwritten later."""
    secure = file.parent / "secure"
    secure.mkdir()
    (secure / "dkim.private").write_text("old key")
    out = file.parent / "out"
    words = ["--config", str(file), "secrets", "--out", str(out), "--from", str(secure)]
    assert run(words) == 0
    assert (out / "secrets" / "dkim.private").read_text() == "old key"
    assert "made  tls/fullchain.pem" in capsys.readouterr().out
    (secure / "dkim.private").write_text("another")
    assert run(words) == 0
    assert (out / "secrets" / "dkim.private").read_text() == "old key"


def test_the_key_of_updates_is_the_owners_to_give(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody needs one; who names a name server is told where its key belongs, and has it there."""
    compose_file = file.parent / "out" / "compose.yaml"
    assert rendered(file, engine="compose") == 0
    assert "tsig" not in compose_file.read_text()
    updates = ("--set", "dns.update_server=192.0.2.53@53")
    assert rendered(file, *updates, engine="compose") == 1
    assert "secrets/tsig.key: the secret 'tsig' is missing" in capsys.readouterr().err
    (file.parent / "out" / "secrets" / "tsig.key").write_text("c2VjcmV0")
    assert rendered(file, *updates, engine="compose") == 0
    mounts = yaml.safe_load(compose_file.read_text())["services"]["opendkim"]["volumes"]
    assert any(one.endswith("/tsig.key:ro") for one in mounts)


@pytest.mark.parametrize("server", ["", "192.0.2.53@53"])
def test_a_cluster_mounts_the_key_of_updates_once_it_is_there(file: Path, server: str) -> None:
    """The pod starts without that Secret, and follows when it comes."""
    key = file.parent / "out" / "secrets" / "tsig.key"
    key.parent.mkdir(parents=True)
    key.write_text("c2VjcmV0")
    assert rendered(file, "--set", f"dns.update_server={server}") == 0
    pods = yaml.safe_load_all((file.parent / "out" / "opendkim.yaml").read_text())
    pod = next(one for one in pods if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    volume = next(one for one in pod["volumes"] if one["name"] == "opendkim-secrets")
    told = {one["secret"]["name"]: one["secret"] for one in volume["projected"]["sources"]}
    assert told["mailstack-tsig"]["optional"] is True
    assert "optional" not in told["mailstack-dkim"]
    made = yaml.safe_load((key.parent / "kustomization.yaml").read_text())["secretGenerator"]
    assert ("mailstack-tsig" in {one["name"] for one in made}) is bool(server)


def test_a_file_of_the_owner_is_in_the_way(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was not generated is not overwritten."""
    out = file.parent / "out"
    out.mkdir()
    (out / "kustomization.yaml").write_text("kind: Mine\n")
    assert rendered(file) == 1
    assert "is there, and was not generated" in capsys.readouterr().err


def test_compose_keeps_strangers_apart() -> None:
    """Two pods share a network if and only if they are linked, and it has no way out."""
    made = yaml.safe_load(compose.render(plan())["compose.yaml"])
    members: dict[str, set[str]] = {}
    for name, service in made["services"].items():
        for network in service.get("networks", []):
            members.setdefault(network, set()).add(name)
    jobs = {job.name for job in STACK.jobs}
    linked = {
        frozenset((source, target))
        for source, target, _ in plan().links_between_pods()
        if source not in jobs
    }
    pairs = [frozenset(names) for names in members.values() if len(names) > 1]
    assert set(pairs) == linked
    assert len(pairs) == len(linked)
    for network, names in members.items():
        assert made["networks"][network] == ({"internal": True} if len(names) > 1 else {})


def test_compose_publishes_the_public_ports() -> None:
    """The world's numbers outside, those of containers inside, and none besides."""
    made = yaml.safe_load(compose.render(plan())["compose.yaml"])
    published = {p for service in made["services"].values() for p in service.get("ports", [])}
    assert published == {
        f"{port.number}:{port.inside}"
        for service in STACK.services
        for port in service.ports
        if port.public and not service.writes
    }


def test_compose_publishes_where_the_stack_would_listen() -> None:
    """Address and offset of the settings are those of the published ports."""
    made = plan(listen={"address": "2001:db8::1", "port_offset": 20_000})
    services = yaml.safe_load(compose.render(made)["compose.yaml"])["services"]
    assert "[2001:db8::1]:20993:10993" in services["dovecot"]["ports"]


def test_compose_leads_load_balancers_to_their_ports() -> None:
    """They come to the world's numbers, as to Postfix's, and find who asks for their header."""
    made = plan(listen={"proxy_networks": ["192.0.2.7/32"]})
    services = yaml.safe_load(compose.render(made)["compose.yaml"])["services"]
    imaps, smtp = STACK.service("dovecot").port("imaps"), STACK.service("postfix").port("smtp")
    assert f"{imaps.number}:{imaps.balanced}" in services["dovecot"]["ports"]
    assert f"{smtp.number}:{smtp.inside}" in services["postfix"]["ports"]


def test_compose_shares_processes_by_the_name_of_a_container() -> None:
    """Podman knows no ``service:`` there, so the other container is named, by us."""
    services = yaml.safe_load(compose.render(plan())["compose.yaml"])["services"]
    assert services["spamkeeper"]["pid"] == f"container:{services['spamd']['container_name']}"


def test_cluster_scripts_pass_shellcheck(tmp_path: Path) -> None:
    """The scripts that make a cluster have no warning."""
    scripts = {name: t for name, t in cluster.render(plan(**PLACE)).items() if name.endswith(".sh")}
    assert scripts
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            ["shellcheck", str(tmp_path / name)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_terraform_is_in_its_canonical_form(tmp_path: Path) -> None:
    """Two spaces for each level, equals signs of neighbours below each other, no trailing space."""
    for name, text in cluster.render(plan(**PLACE)).items():
        if not name.endswith(".tf"):
            continue
        assert malformed(text) == []
        if shutil.which("terraform"):
            (tmp_path / "main.tf").write_text(text)
            fmt = ["terraform", "fmt", "-check", str(tmp_path)]
            assert subprocess.run(fmt, check=False, capture_output=True).returncode == 0


def malformed(text: str) -> list[str]:
    wrong: list[str] = []
    depth = 0
    group: list[int] = []
    for line in text.splitlines():
        body = line.strip()
        depth -= body.startswith(("}", "]"))
        if body and not body.startswith("#") and len(line) - len(body) != 2 * depth:
            wrong.append(f"indent: {line}")
        if line != line.rstrip():
            wrong.append(f"trailing: {line!r}")
        name, equals, value = body.partition("=")
        is_pair = bool(equals) and not body.startswith("#") and value.strip() != "{"
        group = [*group, len(name)] if is_pair else []
        if len(set(group)) > 1:
            wrong.append(f"not aligned: {line}")
        depth += body.endswith(("{", "["))
    return wrong


def test_a_cluster_must_be_somewhere(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """Without region and zone there is nothing to make."""
    assert rendered(file, engine="cluster") == 1
    assert "the setting 'region' is not set" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--table", "--diagram", "--json"])
def test_the_topology_is_shown(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, a picture or JSON: each link with its port."""
    assert run(["topology", option]) == 0
    told = capsys.readouterr().out
    assert "postfix" in told
    assert "40571" in told


def test_only_one_way_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Two forms of output contradict each other."""
    assert run(["topology", "--table", "--json"]) == 1
    assert "exclude each other" in capsys.readouterr().err
