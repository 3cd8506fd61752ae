"""Documents as JSON: what is taken, what is refused, and in which words."""

import json
import os
from contextlib import suppress
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.store.samples import HASH

from mailstack.errors import InvalidDocument
from mailstack.model.documents import (
    MAX_TARGETS,
    Alias,
    Domain,
    Key,
    Sieve,
    User,
    make_document,
    parse_document,
)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"type": "domain", "name": "Example.org"}, Key("domain", "example.org")),
        (
            {"type": "user", "address": "A@example.org", "password": HASH, "quota": None},
            Key("user", "a@example.org"),
        ),
        (
            {"type": "alias", "address": "@example.org", "targets": ["A@b.example"]},
            Key("alias", "@example.org"),
        ),
        (
            {"type": "sieve", "owner": "a@example.org", "name": "x y", "text": "", "active": True},
            Key("sieve", "a@example.org/x y"),
        ),
    ],
)
def test_reads_and_writes_the_same(fields: dict[str, object], key: Key) -> None:
    """A document that was written is read back as it was, from JSON and from an object."""
    document = parse_document(json.dumps(fields))
    assert document.key == key
    assert make_document(fields) == document
    assert parse_document(document.line()) == document
    assert "\n" not in document.line()


def test_fields_as_the_design_names_them() -> None:
    """Export writes these fields, in this order."""
    lines = [
        Domain(name="a.example").line(),  # type: ignore[arg-type]
        User(address="a@a.example", password=HASH).line(),  # type: ignore[arg-type]
        Alias(address="b@a.example", targets=("a@a.example",)).line(),  # type: ignore[arg-type]
        Sieve(owner="a@a.example", name="n", text="t").line(),  # type: ignore[arg-type]
    ]
    assert [list(json.loads(line)) for line in lines] == [
        ["type", "name", "enabled"],
        ["type", "address", "password", "quota", "enabled"],
        ["type", "address", "targets"],
        ["type", "owner", "name", "text", "active"],
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not JSON: "),
        ("[]", "object"),
        ("null", "object"),
        ("{}", "'type' is one of domain, user, alias, sieve"),
        ('{"type":"mailbox"}', "'type' is one of domain, user, alias, sieve"),
        ('{"type":"domain"}', "the domain has no 'name'"),
        ('{"type":"domain","name":"a.example","x":1}', "a domain has no field 'x'"),
        ('{"type":"domain","name":"a"}', "'a' is not a domain name; write one like example.org"),
        ('{"type":"domain","name":1}', "domain name: input should be a valid string"),
        ('{"type":"domain","name":"a.example","enabled":"yes"}', "valid boolean"),
        ('{"type":"user","address":"a@a.example","password":"secret"}', "not a hash"),
        ('{"type":"user","address":"a@a.example","password":"{PLAIN}secret"}', "{PLAIN}"),
        (f'{{"type":"user","address":"ü@a.example","password":"{HASH}"}}', "an alias of it"),
        ('{"type":"alias","address":"a@a.example","targets":[]}', "targets"),
        ('{"type":"alias","address":"a@a.example","targets":["@b.example"]}', "not an address"),
        ('{"type":"alias","address":"a@a.example","targets":["A@A.example"]}', "only at itself"),
        ('{"type":"sieve","owner":"a@a.example","name":"a/b","text":""}', "cannot name a script"),
        ('{"type":"sieve","owner":"a@a.example","name":" ","text":""}', "cannot name a script"),
    ],
)
def test_refused_in_one_sentence(text: str, sentence: str) -> None:
    """The error says what is wrong, in one line, and never shows a password."""
    with pytest.raises(InvalidDocument) as refused:
        parse_document(text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("quota", [-1, 2**63, 1.5, "5", True])
def test_quota_is_a_number_of_octets(quota: object) -> None:
    """What Dovecot and SQLite could not hold is refused."""
    fields = {"type": "user", "address": "a@a.example", "password": HASH, "quota": quota}
    with pytest.raises(InvalidDocument, match="quota"):
        make_document(fields)


def test_targets_are_distinct_and_limited() -> None:
    """A target counts once; a group beyond the limit is a mailing list."""
    fields = {"type": "alias", "address": "a@a.example", "targets": ["b@c.example"] * 2}
    document = make_document(fields)
    assert isinstance(document, Alias)
    assert document.targets == ("b@c.example",)
    fields["targets"] = [f"u{n}@c.example" for n in range(MAX_TARGETS + 1)]
    with pytest.raises(InvalidDocument, match="targets"):
        make_document(fields)


def test_a_user_does_not_show_its_hash() -> None:
    """What is printed or logged has no password hash in it."""
    document = make_document({"type": "user", "address": "a@a.example", "password": HASH})
    assert "argon2" not in repr(document)
    assert "argon2" not in str(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELD = st.sampled_from(
    [
        "type",
        "name",
        "enabled",
        "address",
        "password",
        "quota",
        "targets",
        "owner",
        "text",
        "active",
    ]
)


@given(
    st.dictionaries(FIELD, JSON | st.sampled_from(["domain", "user", "alias", "sieve", "a@b.de"]))
)
def test_any_object_is_a_document_or_refused(fields: dict[str, object]) -> None:
    """No input makes the reader fail otherwise."""
    with suppress(InvalidDocument):
        make_document(fields)
    with suppress(InvalidDocument):
        parse_document(json.dumps(fields))


@given(
    st.text(st.characters(codec="ascii"), min_size=1, max_size=70),
    st.sampled_from(("example.org", "Bücher.example", "a.b")),
)
def test_every_user_has_a_folder_of_its_own(local: str, domain: str) -> None:
    """Whatever address is taken: its two halves are two names below the mail folder (mail_home)."""
    with suppress(InvalidDocument):
        user = make_document({"type": "user", "address": f"{local}@{domain}", "password": HASH})
        assert isinstance(user, User)
        name, _, host = user.address.rpartition("@")
        root = PurePosixPath("/data/mail")
        home = PurePosixPath(os.path.normpath(f"{root}/{host}/{name}"))
        assert home.relative_to(root).parts == (host, name)
        assert name.lower() == name
        assert not any(octet in name + host for octet in "/%@\0\n\r\t: ")


@pytest.mark.parametrize(
    "local", ["a/b", "/", "..", ".a", "a..b", "a\nb", "a b", "a:b", "a%u", "%{home}"]
)
def test_what_is_no_folder_is_no_user(local: str) -> None:
    """A slash, a variable, dots alone, blanks and controls: no mailbox has such a name."""
    with pytest.raises(InvalidDocument):
        make_document({"type": "user", "address": f"{local}@a.example", "password": HASH})
