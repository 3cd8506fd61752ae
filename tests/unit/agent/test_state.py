"""Where the state may lie."""

from pathlib import Path

import pytest

from mailstack.agent.state import MAX_OCTETS, check_name, lay_out
from mailstack.errors import ConfigError


def test_layout(tmp_path: Path) -> None:
    """Daemons pass through everything but the logs, which are the owner's."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    state = tmp_path / "s"
    lay_out(state, ["postfix"])
    lay_out(state, ["postfix"])
    modes = {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()}
    assert modes == {"conf": 0o755, "data": 0o755, "run": 0o755, "overrides": 0o755, "log": 0o750}
    assert (state / "overrides" / "postfix").is_dir()


def test_a_folder_that_is_mounted_read_only_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overrides in a container whose agent is root are root's, and still cannot be changed."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    mounted = tmp_path / "overrides" / "postfix"
    mounted.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr("mailstack.agent.state._is_read_only", lambda path: path == mounted)
    lay_out(tmp_path, ["postfix"])
    assert mounted.stat().st_mode & 0o777 == 0o700


def test_closed_to_others(tmp_path: Path) -> None:
    """A folder that only root can enter is refused, with the command that opens it."""
    tmp_path.chmod(0o700)
    with pytest.raises(ConfigError, match=f"closed to other accounts.*chmod o\\+x {tmp_path}"):
        lay_out(tmp_path / "s", [])


def test_too_long_for_sockets() -> None:
    """A path that leaves no room for a socket's name is refused before a daemon stumbles."""
    check_name(Path("/" + "a" * (MAX_OCTETS - 1)))
    with pytest.raises(ConfigError, match=f"allow {MAX_OCTETS} at most"):
        check_name(Path("/" + "a" * MAX_OCTETS))


@pytest.mark.parametrize("name", ["/with space", "/comma,", "/$HOME", "/new\nline", "/ä"])
def test_needs_quoting(name: str) -> None:
    """A path that some configuration would split or expand is refused."""
    with pytest.raises(ConfigError, match="characters that configurations cannot hold"):
        check_name(Path(name))


def test_not_a_folder(tmp_path: Path) -> None:
    """A file in the place of the folder is one clear line."""
    (tmp_path / "s").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be used: .*Not a directory"):
        lay_out(tmp_path / "s", [])
