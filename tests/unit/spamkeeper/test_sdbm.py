"""SDBM files as perl writes them, and as they look when damaged."""

import shutil
import subprocess
from pathlib import Path

import pytest

from mailstack.spamkeeper.sdbm import PAGE, Damaged, Sdbm

PAIRS = 4000
WRITE = """
use Fcntl; use SDBM_File;
tie(my %h, "SDBM_File", $ARGV[0], O_RDWR|O_CREAT, 0600) or die $!;
$h{"key $_"} = "value $_" for 1 .. $ARGV[1];
delete $h{"key $_"} for 1 .. 10;
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of many pages, by perl itself."""
    path = tmp_path_factory.mktemp("sdbm") / "db"
    subprocess.run(["perl", "-e", WRITE, path, str(PAIRS)], check=True, timeout=60)
    return path


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    for end in (".pag", ".dir"):
        shutil.copy(f"{written}{end}", tmp_path / f"db{end}")
    return tmp_path / "db"


def test_every_pair_is_found(written: Path) -> None:
    """Those that were deleted are not, nor what never was."""
    database = Sdbm.read(written)
    assert database.check() == PAIRS - 10
    for number in range(11, PAIRS + 1):
        assert database.get(b"key %d" % number) == b"value %d" % number
    assert database.get(b"key 10") is None
    assert database.get(b"another") is None


def test_an_empty_database(tmp_path: Path) -> None:
    """Two empty files hold nothing, and are sound."""
    for end in (".pag", ".dir"):
        (tmp_path / f"db{end}").touch()
    database = Sdbm.read(tmp_path / "db")
    assert database.check() == 0
    assert database.get(b"key") is None


def test_a_missing_file(tmp_path: Path) -> None:
    """It is told as such, not as a damaged one."""
    with pytest.raises(FileNotFoundError):
        Sdbm.read(tmp_path / "db")


def test_a_file_that_ends_in_a_page(copy: Path) -> None:
    """It lost its end."""
    pages = copy.with_name("db.pag")
    pages.write_bytes(pages.read_bytes()[:-100])
    with pytest.raises(Damaged, match="middle of a page"):
        Sdbm.read(copy).check()


@pytest.mark.parametrize("damage", [b"\xff" * PAGE, b"\x02\x00\xff\xff" * 256, b"\x03\x00" * 512])
def test_a_page_of_garbage(copy: Path, damage: bytes) -> None:
    """An index that cannot be one is seen, and its page named."""
    with copy.with_name("db.pag").open("r+b") as file:
        file.seek(3 * PAGE)
        file.write(damage)
    with pytest.raises(Damaged, match="page 3"):
        Sdbm.read(copy).check()


def test_nothing_in_garbage_is_an_error_of_ours(copy: Path) -> None:
    """Asking a damaged file for a key finds nothing, or says that it is damaged."""
    copy.with_name("db.pag").write_bytes(bytes(range(256)) * 40)
    copy.with_name("db.dir").write_bytes(b"\xff" * 64)
    assert Sdbm.read(copy).get(b"key 11") is None
