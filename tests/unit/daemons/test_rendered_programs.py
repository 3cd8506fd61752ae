"""Programs of ours as services: each is rendered to one file, which it can read itself."""

from pathlib import Path
from typing import Any, Final

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons import registry
from mailstack.daemons.program import VERSION
from mailstack.errors import ConfigError

PROGRAMS: Final = ("letsencrypt", "managesieve", "names", "tlspolicy")
PLACES: Final[dict[str, dict[str, Any]]] = {
    "typical": {},
    "shifted": {"offset": 20_000, "public_host": "192.0.2.1"},
    "cluster": {"in_cluster": True},
}
BY_DNS: Final = {
    "acme": {"challenge": "dns-01", "staging": True, "ca_file": "/etc/own.pem"},
    "dns": {"update_server": "192.0.2.53@53", "update_zone": "example.org"},
}
CASES: Final = [
    *((program, name, how) for program in PROGRAMS for name, how in PLACES.items()),
    ("letsencrypt", "by-dns", {"settings": BY_DNS}),
]


@pytest.mark.parametrize(("program", "name", "how"), CASES)
async def test_golden(tmp_path: Path, program: str, name: str, how: dict[str, Any]) -> None:
    """A site is rendered to exactly these bytes, which the program itself can read."""
    daemon, where = registry.daemon(program), site(program, version=VERSION, **how)
    files = daemon.render(where, {})
    assert_golden(f"{program}/{name}", files)
    ((file, text),) = files.items()
    (tmp_path / file).write_text(text)
    await daemon.check(where, tmp_path, {})


@pytest.mark.parametrize("program", PROGRAMS)
async def test_what_is_no_file_of_ours(tmp_path: Path, program: str) -> None:
    """The checker names the file."""
    daemon, where = registry.daemon(program), site(program, version=VERSION)
    (name,) = daemon.render(where, {})
    (tmp_path / name).write_text("{}")
    with pytest.raises(ConfigError) as caught:
        await daemon.check(where, tmp_path, {})
    assert caught.value.file == tmp_path / name
