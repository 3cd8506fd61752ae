"""The names in restriction lists, against the installed smtpd."""

from pathlib import Path

import pytest
from tests.golden.sites import site

from mailstack.daemons.postfix import DAEMON, installed
from mailstack.daemons.postfix.restrictions import unknown_restriction

SMTPD = Path(installed.program("smtpd"))


@pytest.mark.parametrize(
    "value",
    [
        "permit_mynetworks, reject_unauth_destination",
        "check_client_access cidr:$config_directory/x.cidr\n    reject_rbl_client zen.example",
        "sleep 1, reject_plaintext_session",
        "check_policy_service { inet:127.0.0.1:1, default_action=DUNNO }, permit",
        "$mua_sender_restrictions, warn_if_reject, reject_invalid_helo_hostname",
        "own_class, defer",
        "",
    ],
)
def test_known(value: str) -> None:
    """Names of Postfix, of classes, and arguments raise no complaint."""
    parameters = {"smtpd_restriction_classes": "own_class", "smtpd_client_restrictions": value}
    assert unknown_restriction(parameters, SMTPD) == ""


def test_ours_are_known() -> None:
    """The installed smtpd knows every restriction that we render."""
    main = DAEMON.render(site("postfix", version=DAEMON.version()), {})["main.cf"]
    joined = main.replace("\n    ", " ").splitlines()
    pairs = [line.partition(" =")[::2] for line in joined if not line.startswith("#")]
    assert unknown_restriction(dict(pairs), SMTPD) == ""


def test_misspelt() -> None:
    """A name that smtpd does not know is told in its words."""
    said = unknown_restriction({"smtpd_helo_restrictions": "permit, reject_evil"}, SMTPD)
    assert said == 'smtpd_helo_restrictions: unknown smtpd restriction: "reject_evil"'
