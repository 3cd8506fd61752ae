"""Whether the service calls itself ready, and what a reload exchanges."""

from pathlib import Path

import pytest
from tests.daemons.stage import make_certificate

from mailstack.aio.http import Request
from mailstack.errors import ConfigError
from mailstack.names import service
from mailstack.names.config import Config
from mailstack.names.service import Service
from mailstack.topology.model import Endpoint

NOBODY = Endpoint("127.0.0.1", 1)
READY = Request("GET", ("readyz",), {})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Of a service whose couchmail does not answer."""
    make_certificate(tmp_path)
    tls = tmp_path / "secure" / "tls"
    return Config(
        listen=NOBODY,
        http=NOBODY,
        api=NOBODY,
        token_file=tmp_path / "token",
        certificate=tls / "fullchain.pem",
        key=tls / "privkey.pem",
        hostname="mail.example.org",
        email="owner@example.org",
        mta_sts="testing",
        mta_sts_seconds=86_400,
        port_offset=0,
        requests_per_minute=120,
        connections_per_client=8,
        uid=0,
        gid=0,
    )


async def test_couchmail_may_be_away_for_a_while(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart of couchmail makes nobody unready; that it stays away does, in words."""
    made = Service(config, "token")
    assert (await made.pages(READY)).status == 200
    monkeypatch.setattr(service, "SILENT_S", -1.0)
    found = await made.pages(READY)
    assert (found.status, b"couchmail says nothing" in found.body) == (503, True)
    assert (await made.pages(Request("GET", ("healthz",), {}))).status == 200


async def test_a_pair_that_cannot_be_used(config: Config) -> None:
    """It is the reason until there is a good one; limits of clients follow a reload as well."""
    made = Service(config, "token")
    good = config.key.read_bytes()
    config.key.write_bytes(b"nonsense")
    with pytest.raises(ConfigError):
        made.reload(config)
    found = await made.pages(READY)
    assert (found.status, b"certificate" in found.body) == (503, True)
    config.key.write_bytes(good)
    made.reload(config)
    assert (await made.pages(READY)).status == 200


async def test_what_is_counted(config: Config) -> None:
    """Every series is there from the start, that of clients that were refused too."""
    page = (await Service(config, "token").pages(Request("GET", ("metrics",), {}))).body
    assert b"mailstack_names_limited_total 0.0" in page
