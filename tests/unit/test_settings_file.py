"""From a file and ``--set`` to settings; and what an owner reads when something is wrong."""

from pathlib import Path

import pytest

from mailstack.errors import ConfigError
from mailstack.settings import Settings
from mailstack.settings_file import MAX_FILE_OCTETS, check, lines_of, load

LEAST = 'domain = "example.org"\nemail = "owner@example.net"\n'


def read(folder: Path, text: str, *sets: str) -> Settings:
    file = folder / "mailstack.toml"
    file.write_text(text)
    return load(file, sets)


def refused(folder: Path, text: str, *sets: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, *sets)
    return str(caught.value).removeprefix(f"{folder}/")


def test_two_settings_are_enough(tmp_path: Path) -> None:
    """A file with domain and email alone is a whole configuration."""
    settings = read(tmp_path, LEAST)
    assert (settings.domain, settings.hostname) == ("example.org", "mail.example.org")


def test_names_are_canonical(tmp_path: Path) -> None:
    """Domains and addresses are stored the way lookups compare them."""
    settings = read(tmp_path, 'domain = "Bücher.Example."\nemail = "Owner@Example.NET"\n')
    assert (settings.domain, settings.email) == ("xn--bcher-kva.example", "owner@example.net")


@pytest.mark.parametrize(
    ("item", "section", "key", "value"),
    [
        ("greylist.delay=60", "greylist", "delay", 60),
        ("dns.dnssec=false", "dns", "dnssec", False),
        ("listen.address=127.0.0.1", "listen", "address", "127.0.0.1"),
        ("listen.address='::1'", "listen", "address", "::1"),
        ("filter.on_failure=deliver", "filter", "on_failure", "deliver"),
        ('dns.forward=["192.0.2.1@5300"]', "dns", "forward", ("192.0.2.1@5300",)),
        ("dns.forward=192.0.2.1@5300", "dns", "forward", ("192.0.2.1@5300",)),
        ("dns.forward=", "dns", "forward", ()),
        ("smtp.dnsbl_sites=[]", "smtp", "dnsbl_sites", ()),
        ("mailbox.default_quota=2GiB", "mailbox", "default_quota", 2 * 1024**3),
        ("smtp.max_message_octets = 10 MB", "smtp", "max_message_octets", 10_000_000),
        ("spam.threshold=6", "spam", "threshold", 6.0),
    ],
)
def test_set_goes_over_the_file(
    tmp_path: Path, item: str, section: str, key: str, value: object
) -> None:
    """--set takes TOML, a plain word, or one word for a list of one, and wins over the file."""
    text = LEAST + "[greylist]\ndelay = 5\n"
    assert getattr(getattr(read(tmp_path, text, item), section), key) == value


@pytest.mark.parametrize("value", ["1", "true", "2024-01-01", "a b = c", ""])
def test_a_text_setting_takes_any_word(tmp_path: Path, value: str) -> None:
    """What looks like a number or a date stays text where text is wanted."""
    assert read(tmp_path, LEAST, f"zone={value}").zone == value


def test_a_value_cannot_smuggle_in_another_setting(tmp_path: Path) -> None:
    """A line break inside a value does not begin a second setting."""
    assert read(tmp_path, LEAST, 'zone="a"\nregion = "b"').region == ""


def test_the_last_set_wins(tmp_path: Path) -> None:
    """Repeating --set for one key keeps the last value, as options do."""
    assert read(tmp_path, LEAST, "greylist.delay=1", "greylist.delay=2").greylist.delay == 2


def mistakes() -> list[tuple[str, str, str]]:
    """Name, file and expected line of each case in the text file beside this one."""
    blocks = Path(__file__).with_name("settings_mistakes.txt").read_text().split("\n---- ")[1:]
    cases = []
    for block in blocks:
        name, _, rest = block.partition("\n")
        text, _, line = rest.partition("\n=> ")
        cases.append((name, text.replace("@LEAST\n", LEAST), line.strip()))
    return cases


@pytest.mark.parametrize(("text", "line"), [pytest.param(t, li, id=n) for n, t, li in mistakes()])
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    """File, line, setting, what is wrong with it, and what to write instead."""
    assert refused(tmp_path, text) == line


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ("greylist.dleay=1", "unknown setting 'greylist.dleay'; did you mean 'greylist.delay'?"),
        ("greylist.delay=0", "greylist.delay must be a number, at least 1, at most 86400, not 0"),
        ("greylist.delay", "not KEY=VALUE; write e.g. greylist.delay=60"),
        ("=3", "not KEY=VALUE; write e.g. greylist.delay=60"),
    ],
)
def test_a_mistake_in_set_names_the_set(tmp_path: Path, item: str, line: str) -> None:
    """A wrong --set is quoted as it was typed; the file is not blamed."""
    assert refused(tmp_path, LEAST, item) == f"--set {item}: {line}"


def test_set_below_a_plain_setting(tmp_path: Path) -> None:
    """A setting has no settings of its own."""
    assert "'domain' is a plain setting" in refused(tmp_path, LEAST, "domain.name=x")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """Whoever starts without a file is told of init."""
    with pytest.raises(ConfigError, match="no settings file here; make one with 'mailstack init"):
        load(tmp_path / "mailstack.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A path that cannot be read is an error of the owner, not of the program."""
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_text_in_another_encoding(tmp_path: Path) -> None:
    """The line of the first octet that is not UTF-8 is named."""
    file = tmp_path / "mailstack.toml"
    file.write_bytes(LEAST.encode() + b'zone = "\xe4"\n')
    with pytest.raises(ConfigError, match=r"mailstack\.toml:3: not UTF-8 text"):
        load(file)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A wrong file of any size costs no memory."""
    file = tmp_path / "mailstack.toml"
    file.write_bytes(b"#" * (MAX_FILE_OCTETS + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(file)


def test_check_names_the_setting() -> None:
    """Values that come from no file are refused in the same words."""
    with pytest.raises(ConfigError, match=r"^domain: 'x' is not a domain name"):
        check({"domain": "x", "email": "a@example.org"})


def test_lines_of_tables_and_keys() -> None:
    """Comments and values that look like keys do not move the numbers."""
    text = '# a = 1\nb = "c = 1"\n\n[ d . e ]\nf=1\n'
    assert lines_of(text) == {"b": 2, "d.e": 4, "d.e.f": 5}
