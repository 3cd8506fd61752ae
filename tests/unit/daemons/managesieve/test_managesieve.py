"""ManageSieve as a service: what a reload can do."""

import json
from pathlib import Path

import pytest
from tests.golden.sites import site

from mailstack.daemons.managesieve import DAEMON
from mailstack.daemons.managesieve.render import FILE
from mailstack.managesieve.config import Config
from mailstack.topology.stack import STACK

VERSION = (0, 1, 0)
TYPICAL = site("managesieve", version=VERSION)


@pytest.mark.parametrize(
    ("name", "value", "restart"),
    [("max_scripts", 1, False), ("http", ["127.0.0.1", 1], True), ("uid", 9, True)],
)
def test_what_needs_a_restart(name: str, value: object, *, restart: bool) -> None:
    """Ports and account cannot change in a running process; limits and certificate can."""
    before = DAEMON.render(TYPICAL, {})
    after = {FILE: json.dumps({**json.loads(before[FILE]), name: value})}
    assert DAEMON.restart_needed(before, after) is restart


async def test_load_balancers_have_a_port_of_their_own(tmp_path: Path) -> None:
    """The networks that are named may use it; another network needs a restart."""
    networks = {"listen": {"proxy_networks": ["10.9.0.0/24"]}}
    where = site("managesieve", version=VERSION, settings=networks)
    files = DAEMON.render(where, {})
    (tmp_path / FILE).write_text(files[FILE])
    read = Config.read(tmp_path / FILE)
    assert read.proxy_networks == ("10.9.0.0/24",)
    assert read.balanced is not None
    assert read.balanced.port == STACK.service("managesieve").port("managesieve").balanced
    assert DAEMON.restart_needed(DAEMON.render(TYPICAL, {}), files)
