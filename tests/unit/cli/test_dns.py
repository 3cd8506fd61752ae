"""``mailstack dns``."""

import json
from pathlib import Path

import pytest
import yaml
from tests.unit.cli.conftest import Mailstack

OPTIONS = "[listen]\nport_offset = 23000\n"
KNOWN = 'public_addresses = ["203.0.113.25"]\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mailstack.toml"
    file.write_text(f'domain = "example.org"\nemail = "me@example.org"\n{OPTIONS}{KNOWN}')
    return file


def test_records_as_table_and_json(mailstack: Mailstack, config: Path) -> None:
    """A pipe gets columns, a program JSON, a person the advice about the reverse name besides."""
    status, out, err = mailstack("--config", str(config), "dns", "records", "example.org")
    assert status == 0
    assert "example.org\t3600\tMX\t10 mail.example.org.\trequired\twhere its mail is taken" in out
    assert "reverse name" in err
    status, out, _ = mailstack("--config", str(config), "dns", "records", "example.org", "--json")
    assert status == 0
    assert {"mx", "a", "spf", "dmarc"} <= {record["key"] for record in json.loads(out)}


def test_records_for_external_dns(mailstack: Mailstack, config: Path) -> None:
    """The object is YAML that says what it is."""
    _, out, _ = mailstack(
        "--config", str(config), "dns", "records", "example.org", "--external-dns"
    )
    assert yaml.safe_load(out)["kind"] == "DNSEndpoint"


@pytest.mark.parametrize("command", ["records", "check"])
def test_a_domain_that_is_not_ours_is_one_line(
    mailstack: Mailstack, config: Path, command: str
) -> None:
    """A domain that we do not host is told with what to do."""
    status, out, err = mailstack("--config", str(config), "dns", command, "example.com")
    assert (status, out) == (1, "")
    assert "example.com is no domain of this stack; add it: mailstack domain add" in err
    assert err.count("\n") == 1


def test_an_update_without_a_server_is_one_line(mailstack: Mailstack, config: Path) -> None:
    """Who has named no name server is told of both ways."""
    status, _, err = mailstack("--config", str(config), "dns", "records", "example.org", "--update")
    assert status == 1
    assert "dns.update_server" in err
    assert err.count("\n") == 1


def test_two_forms_at_once_are_refused(mailstack: Mailstack, config: Path) -> None:
    """One form of output at a time."""
    status, _, err = mailstack(
        "--config", str(config), "dns", "records", "example.org", "--zone", "--json"
    )
    assert status == 1
    assert "exclude each other" in err


def test_check_without_a_resolver_says_so(mailstack: Mailstack, config: Path) -> None:
    """Offline, each record is unknown, and the exit code says that nothing was found wrong."""
    status, out, _ = mailstack("--config", str(config), "dns", "check", "example.org", "--json")
    assert status == 0
    assert {finding["severity"] for finding in json.loads(out)} == {"unknown"}
