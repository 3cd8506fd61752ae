"""What a program was built with reaches its rendering."""

from pathlib import Path

from tests.unit.agent.conftest import Stage
from tests.unit.fake_daemon import FakeDaemon

from mailstack.daemons.contract import Files, Overrides, Site


class Featured(FakeDaemon):
    """One that says it."""

    def features(self) -> frozenset[str]:
        return frozenset({"USE_LUA"})

    def render(self, site: Site, overrides: Overrides) -> Files:
        return {**super().render(site, overrides), "features": " ".join(site.features)}


async def test_it_is_asked_once_at_the_start(tmp_path: Path) -> None:
    """As its version is."""
    stage = Stage(tmp_path, Featured())
    async with stage.healthy():
        assert (stage.paths.conf / "features").read_text() == "USE_LUA"


async def test_most_say_nothing(stage: Stage) -> None:
    """Then there are none."""
    async with stage.healthy() as agent:
        assert agent.make_site(agent.settings, ()).features == frozenset()
        assert not (stage.paths.conf / "features").exists()
