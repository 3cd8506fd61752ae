"""Which of two ways to know keys is taken, by what OpenDKIM says of itself."""

import pytest
from tests.golden.sites import site

from mailstack.daemons.contract import features_of
from mailstack.daemons.opendkim import DAEMON, conf, control, signer, tables
from mailstack.daemons.postfix import DAEMON as POSTFIX

ON_DEBIAN = """\
opendkim: OpenDKIM Filter v2.11.0
	Supported signing algorithms:
		rsa-sha256
		ed25519-sha256
	Active code options:
		USE_LUA
		USE_UNBOUND
"""
ON_ALPINE = """\
opendkim: OpenDKIM Filter v2.10.3
	Supported signing algorithms:
		rsa-sha1
		rsa-sha256
	Active code options:
		QUERY_CACHE
"""


@pytest.mark.parametrize(
    ("said", "version", "features"),
    [
        (ON_DEBIAN, (2, 11, 0), {"USE_LUA", "ed25519-sha256"}),
        (ON_ALPINE, (2, 10, 3), set()),
        (ON_ALPINE.replace("QUERY_CACHE", "USE_LUA"), (2, 10, 3), {"USE_LUA"}),
    ],
)
def test_it_is_asked(
    said: str, version: tuple[int, ...], features: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``opendkim -V`` prints it."""
    monkeypatch.setattr(control, "_said_of_itself", lambda: said)
    assert DAEMON.version() == version
    assert features_of(DAEMON) == features


@pytest.mark.parametrize(
    ("features", "scripts"),
    [
        (("USE_LUA", "ed25519-sha256"), True),
        (("USE_LUA",), False),
        (("ed25519-sha256",), False),
        ((), False),
    ],
)
def test_both_are_needed_for_scripts(features: tuple[str, ...], *, scripts: bool) -> None:
    """Or there are tables, one process, and a second signer of our own on the same port."""
    ours = site("opendkim", version=(2, 11, 0), features=features)
    files = DAEMON.render(ours, {})
    assert (conf.SIGNING_TABLE in files) is scripts
    assert (conf.ED25519 in files) is scripts
    assert (tables.FILE in files) is not scripts
    assert (signer.FILE in files) is not scripts
    assert len(DAEMON.commands(ours)) == (2 if scripts else 1)
    theirs = POSTFIX.render(site("postfix", version=(3, 10, 4)), {})["main.cf"]
    assert str(ours.addresses[conf.ED25519_PORT].port) in theirs


def test_without_a_second_algorithm_nobody_listens() -> None:
    """Postfix asks nobody then."""
    settings: dict[str, dict[str, list[str]]] = {"dkim": {"algorithms": []}}
    ours = site("opendkim", version=(2, 10, 3), settings=settings)
    assert signer.FILE not in DAEMON.render(ours, {})
    assert not signer.is_wanted(ours)


KNOWN_TO_2_10_3 = """
    AlwaysAddARHeader AuthservID Canonicalization DNSTimeout InternalHosts KeyTable MTA Mode
    On-BadSignature On-DNSError On-InternalError On-KeyNotFound On-NoSignature On-Security
    On-SignatureError OverSignHeaders PidFile RemoveARAll RemoveARFrom RemoveOldSignatures
    RequireSafeKeys ResolverConfiguration SigningTable Socket Syslog SyslogSuccess
    TemporaryDirectory
"""
"""Of those in opendkim-config.h of that release, which of them are ours and need no option of its
``configure``. Names are compared in any case (config.c)."""


@pytest.mark.parametrize("in_cluster", [True, False])
def test_every_parameter_is_known_to_2_10_3(*, in_cluster: bool) -> None:
    """One that is not would keep it from starting."""
    ours = site("opendkim", version=(2, 10, 3), in_cluster=in_cluster)
    lines = DAEMON.render(ours, {})[conf.NAME].splitlines()
    used = {line.split()[0].lower() for line in lines if line and not line.startswith("#")}
    assert used <= set(KNOWN_TO_2_10_3.lower().split())
