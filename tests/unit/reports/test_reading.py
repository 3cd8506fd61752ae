"""Reports of others are understood, and what was made to do harm does none."""

import base64
import gzip
import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.reports import samples
from tests.unit.reports.samples import AT, DMARC, TLS, message, zipped

from mailstack.errors import ProtocolError
from mailstack.model.reports import Received, Sessions, Source
from mailstack.reports import reading, unpack
from mailstack.reports.reading import Envelope
from mailstack.reports.received import MAX_SOURCES_OF_ONE, OTHERS, shortened

ENVELOPE = Envelope(AT, ("google.com",), proven=True)


def reports(document: bytes) -> list[Received]:
    return list(reading.read(document, ENVELOPE))


def source(address: str, messages: int, done: str, author: str, *, dkim: bool) -> Source:
    return Source(address, messages, dkim, spf=False, disposition=done, author=author)


def test_dmarc() -> None:
    """Who, when, about whom, and each server with its messages."""
    (found,) = reports(DMARC)
    assert (found.reporter, found.identity, found.domain) == ("google.com", "123", "home.example")
    assert found.sources == (
        source("192.0.2.1", 7, "none", "home.example", dkim=True),
        source("2001:db8::1", 2, "reject", "news.home.example", dkim=False),
    )


def test_a_namespace_makes_no_difference() -> None:
    """Some reporters name one."""
    other = DMARC.replace(b"<feedback>", b'<feedback xmlns="http://dmarc.org/dmarc-xml/0.1">')
    assert reports(other) == reports(DMARC)


def test_tls() -> None:
    """Good and failed sessions, by what failed and where."""
    (found,) = reports(TLS)
    assert (found.kind, found.reporter, found.domain) == ("tls", "Company-X", "home.example")
    assert found.sessions == (
        Sessions("success", 5326, "sts", ""),
        Sessions("certificate-expired", 100, "sts", "mail.home.example"),
        Sessions("starttls-not-supported", 203, "sts", ""),
    )


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
EXTERNAL = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><feedback>&e;</feedback>'


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (BOMB, "document type or entities"),
        (EXTERNAL, "document type or entities"),
        (b"<feedback>", "it is no XML"),
        (b"<html/>", "no report but 'html'"),
        (b"<a>" * 100, "too deep"),
        (DMARC.replace(b"<count>7<", b"<count>-7<"), "count cannot be '-7'"),
        (DMARC.replace(b"<count>7<", b"<count>1" + b"0" * 30 + b"<"), "count cannot be"),
        (DMARC.replace(b"192.0.2.1", b"192.0.2.1.5"), "source_ip cannot be"),
        (DMARC.replace(b"<domain>home.example</domain><p>", b"<p>"), "there is no policy_pub"),
        (DMARC.replace(b"<begin>17", b"<begin>99"), "dates are impossible"),
        (DMARC.replace(b"<begin>17", b"<begin>x"), "begin cannot be"),
        (DMARC.replace(b"<end>17", b"<end>27"), "dates are impossible"),
        (b"{}", "there is no date-range"),
        (b"{", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (TLS.replace(b"5326", b'"many"'), "count cannot be 'many'"),
        (TLS.replace(b"5326", b"NaN"), "count cannot be 'nan'"),
        (TLS.replace(b"5326", b"[1]"), "count cannot be"),
        (TLS.replace(b"2023-11-14T00", b"0001-01-01T00"), "dates are impossible"),
        (TLS.replace(b'"home.example"', b"7"), "policy-domain cannot be '7'"),
    ],
)
def test_what_is_refused(document: bytes, words: str) -> None:
    """One sentence says why."""
    with pytest.raises(ProtocolError, match=words):
        reports(document)


def test_words_are_short_and_printable() -> None:
    """A reporter's name cannot draw on the owner's terminal."""
    (found,) = reports(TLS.replace(b"Company-X", b"\\u001b[31m" + b"x" * 500))
    assert found.reporter.isprintable()
    assert len(found.reporter) <= 100


def test_rows_are_bounded() -> None:
    """The smallest servers are added up, results apart."""
    row = DMARC[DMARC.index(b"  <record>") : DMARC.index(b"</record>") + 10]
    (found,) = reports(DMARC.replace(b"</feedback>", row * 1000 + b"</feedback>"))
    short = shortened(found)
    assert len(short.sources) <= MAX_SOURCES_OF_ONE
    assert sum(one.messages for one in short.sources) == 7 * 1001 + 2
    assert OTHERS in {one.address for one in short.sources}


def test_two_policies_of_one_domain_are_one_report() -> None:
    """A domain with MTA-STS and DANE is told about twice in one document (RFC 8460 4.4)."""
    whole = json.loads(TLS)
    (policy,) = whole["policies"]
    dane = {**policy, "policy": {"policy-type": "tlsa", "policy-domain": "home.example"}}
    (found,) = reports(json.dumps({**whole, "policies": [policy, dane]}).encode())
    assert [one.policy for one in found.sessions] == ["sts"] * 3 + ["tlsa"] * 3
    with pytest.raises(ProtocolError, match="too long"):
        reports(json.dumps({**whole, "policies": [policy] * 101}).encode())


# --- archives ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        gzip.compress(DMARC),
        zipped(DMARC),
        zipped(DMARC, "../../../etc/cron.d/evil"),
        zipped(DMARC, "/etc/passwd"),
        b"\xef\xbb\xbf" + DMARC,
    ],
)
def test_all_ways_of_packing(payload: bytes) -> None:
    """gzip, zip whatever its file is called, or nothing."""
    assert list(unpack.documents(message(payload))) == [DMARC]


def test_a_report_may_be_all_there_is() -> None:
    """The message itself is the attachment, as Google's are."""
    octets = b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert list(unpack.documents(octets + base64.encodebytes(zipped(DMARC)))) == [DMARC]


def lying_zip() -> bytes:
    """Its directory says that the file is small."""
    real = bytearray(zipped(b"<" + b"a" * 1000))
    at = real.rindex(b"PK\x01\x02") + 24
    real[at : at + 4] = (5).to_bytes(4, "little")
    return bytes(real)


@pytest.mark.parametrize(
    "payload",
    [
        gzip.compress(b"<" + b"\0" * (unpack.MAX_DOCUMENT + 10)),
        zipped(b"<" + b"\0" * (unpack.MAX_DOCUMENT + 10)),
        gzip.compress(DMARC)[:-20],
        b"\x1f\x8bnonsense",
        b"PK\x03\x04nonsense",
        zipped(DMARC)[:-30],
    ],
)
def test_bombs_and_damaged_archives(payload: bytes) -> None:
    """Refused, with little memory used."""
    with pytest.raises(ProtocolError):
        list(unpack.documents(message(payload)))


def test_an_archive_that_lies() -> None:
    """What it says of its own size is not believed."""
    try:
        (found,) = unpack.documents(message(lying_zip()))
    except ProtocolError:
        return
    assert len(found) <= 1001


def test_archives_in_archives_stay_closed() -> None:
    """Nothing is unpacked twice."""
    assert not list(unpack.documents(message(gzip.compress(gzip.compress(DMARC)))))
    assert not list(unpack.documents(message(zipped(zipped(DMARC)))))


def test_an_empty_zip() -> None:
    """It has no report."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.mkdir("x/")
    with pytest.raises(ProtocolError, match="empty"):
        list(unpack.documents(message(file.getvalue())))


# --- anything ----------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=10,
)


def altered(whole: Any, path: list[str | int], value: object) -> Any:  # noqa: ANN401 - JSON
    """``whole`` with something else at a path."""
    if not path:
        return value
    copy = whole.copy()
    copy[path[0]] = altered(copy[path[0]], path[1:], value)
    return copy


PATHS: list[list[str | int]] = [
    ["organization-name"],
    ["date-range"],
    ["date-range", "start-datetime"],
    ["report-id"],
    ["policies"],
    ["policies", 0],
    ["policies", 0, "policy"],
    ["policies", 0, "policy", "policy-domain"],
    ["policies", 0, "policy", "policy-type"],
    ["policies", 0, "summary"],
    ["policies", 0, "failure-details"],
    ["policies", 0, "failure-details", 0],
    ["policies", 0, "failure-details", 0, "failed-session-count"],
    ["policies", 0, "failure-details", 0, "result-type"],
]


@settings(deadline=None)
@given(st.sampled_from(PATHS), JSON)
def test_anything_in_a_tls_report(path: list[str | int], value: object) -> None:
    """It is understood, or refused in one way."""
    document = json.dumps(altered(json.loads(TLS), path, value)).encode()
    try:
        found = reports(document)
    except ProtocolError:
        return
    assert all(isinstance(one.result, str) for report in found for one in report.sessions)


@settings(deadline=None)
@given(st.integers(0, len(DMARC) - 1), st.integers(0, 40), st.binary(max_size=40))
def test_anything_in_a_dmarc_report(start: int, length: int, other: bytes) -> None:
    """Any place may have anything."""
    try:
        found = reports(DMARC[:start] + other + DMARC[start + length :])
    except ProtocolError:
        return
    assert all(one.messages >= 0 for report in found for one in report.sources)


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b", b"PK\x03\x04", b"{", b"<"]))
def test_any_attachment(octets: bytes, start: bytes) -> None:
    """It is unpacked, or refused in one way."""
    try:
        for document in unpack.documents(samples.message(start + octets)):
            reports(document)
    except ProtocolError:
        pass
