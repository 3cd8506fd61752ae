"""What an owner is told of all keys together."""

import re
from datetime import UTC, datetime, timedelta

from tests.unit.store.samples import dkim

from mailstack.dkim.census import Census

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
"""Half a day after ``since`` of the samples."""


def census(**domains: tuple[str, ...]) -> Census:
    """Of ``NAME.example`` with keys in these states."""
    found = Census()
    for name, states in domains.items():
        document = dkim(f"{name}.example", *states)
        found.count(document.domain, [key.model_dump(mode="json") for key in document.keys])
    return found


def test_numbers() -> None:
    """Every algorithm and state has a number from the start; times are Unix times."""
    text = Census().numbers(0, 0)
    assert text.count("mailstack_dkim_keys{") == 10
    assert 'mailstack_dkim_signing_since_seconds{algorithm="ed25519"} 0.0' in text
    text = census(a=("signing", "made"), b=("signing",)).numbers(lost=3, failing=4)
    assert 'mailstack_dkim_keys{algorithm="rsa",state="signing"} 2.0' in text
    since = re.search(r'signing_since_seconds{algorithm="rsa"} (\S+)', text)
    assert since is not None
    assert float(since[1]) == (NOW - timedelta(hours=12)).timestamp()
    assert "mailstack_dkim_waiting_domains 1.0" in text
    assert "mailstack_dkim_lost_domains 3.0" in text
    assert "mailstack_dkim_failing_domains 4.0" in text


def test_the_one_remark() -> None:
    """Lost keys before name servers that fail, and those before keys that wait for long."""
    found = census(a=("signing", "published"), b=("signing", "made"))
    assert found.remark((), {}, NOW) == ""
    later = NOW + timedelta(days=2)
    assert found.remark((), {}, later).startswith("new keys of a.example and 1 more are not seen")
    failing = found.remark((), {"b.example": "refused"}, later)
    assert failing == "keys of b.example: b.example: refused"
    assert "cannot be opened" in found.remark(["a.example"], {"b.example": "refused"}, later)
