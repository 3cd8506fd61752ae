"""Spam profiles and training records: what is taken, what is refused, and in which words."""

import json

import pytest
from tests.unit.store.samples import spam, training

from mailstack.errors import InvalidDocument
from mailstack.model.documents import Key, make_document, parse_document
from mailstack.model.spam import LANGUAGES
from mailstack.model.training import MAX_FIGURES, MAX_RUNS

ANN = "ann@example.org"
RULES = ["body USER_WIN /you have won/i", "score USER_WIN 3"]


def made(**wishes: object) -> object:
    return make_document({"type": "spam", "owner": ANN, **wishes})


def test_a_profile_reads_back_as_it_was() -> None:
    """Export writes all fields, in this order, and import takes them."""
    profile = spam(ANN, threshold=4.5, allow=["A@b.example"], rules=RULES, languages=["de"])
    assert list(json.loads(profile.line())) == [
        "type", "owner", "threshold", "allow", "block", "rules", "languages", "share_training"
    ]  # fmt: skip
    assert parse_document(profile.line()) == profile
    assert profile.key == Key("spam", ANN)


def test_a_record_reads_back_as_it_was() -> None:
    """Figures keep their types."""
    record = training(ANN, own_bayes=True, runs=MAX_RUNS)
    assert parse_document(record.line()) == record
    assert record.key == Key("training", ANN)
    assert '"seconds":1.5' in record.line()
    assert '"ok":true' in record.line()


@pytest.mark.parametrize(
    ("wishes", "own"),
    [
        ({}, False),
        ({"share_training": True}, False),
        ({"threshold": 5}, True),
        ({"allow": ["a@b.example"]}, True),
        ({"block": ["a@b.example"]}, True),
        ({"rules": RULES}, True),
        ({"languages": ["en"]}, True),
    ],
)
def test_who_needs_a_profile_of_their_own(wishes: dict[str, object], *, own: bool) -> None:
    """Whoever wants nothing that changes a verdict shares the scan of all."""
    assert spam(ANN, **wishes).own_profile is own


def test_lists_hold_each_entry_once() -> None:
    """Spellings of the same pattern or language are one."""
    profile = spam(ANN, allow=["A@b.example", "a@B.example", "b.example"], languages=["DE", "de"])
    assert profile.allow == ("a@b.example", "*@b.example")
    assert profile.languages == ("de",)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"threshold": 0.9}, "greater than or equal to 1"),
        ({"threshold": 50.1}, "less than or equal to 50"),
        ({"threshold": "4"}, "valid number"),
        ({"threshold": True}, "valid number"),
        ({"threshold": float("nan")}, "finite number"),
        ({"allow": ["nobody"]}, "write one like anna@example.org"),
        ({"allow": "a@b.example"}, "valid tuple"),
        ({"allow": ["a@b.example"], "block": ["A@b.example"]}, "both allowed and blocked"),
        ({"block": [f"u{n}@b.example" for n in range(501)]}, "at most 500"),
        ({"rules": ["score USER_X 1"]}, "USER_X is not defined"),
        ({"rules": ["score GTUBE 1"] * 101}, "at most 100"),
        ({"languages": ["english"]}, "write a code of two letters"),
        ({"share_training": 1}, "valid boolean"),
        ({"owner": "nobody"}, "is not an address"),
    ],
)
def test_refused(wishes: dict[str, object], words: str) -> None:
    """A wish that cannot be kept is refused in one sentence."""
    with pytest.raises(InvalidDocument, match=words):
        made(**wishes)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"runs": [{}] * (MAX_RUNS + 1)}, "at most 30"),
        ({"runs": [{f"f{n}": n for n in range(MAX_FIGURES + 1)}]}, "at most 40"),
        ({"runs": [{"Ham": 1}]}, "match pattern"),
        ({"runs": [{"ham": [1]}]}, "true, false or null"),
        ({"runs": [{"said": "x" * 201}]}, "at most 200"),
        ({"runs": [{"seconds": float("inf")}]}, "finite number"),
    ],
)
def test_a_record_is_bounded(fields: dict[str, object], words: str) -> None:
    """However busy the trainer is, a record stays small."""
    with pytest.raises(InvalidDocument, match=words):
        make_document({"type": "training", "owner": ANN, **fields})


def test_languages_are_those_of_spamassassin() -> None:
    """The list has what mail is mostly written in, and no region of a language."""
    assert {"en", "de", "fr", "ja", "zh", "sco"} <= LANGUAGES
    assert not [code for code in LANGUAGES if "." in code]
