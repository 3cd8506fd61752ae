"""Why a message is in Spam, for a person to read."""

from hypothesis import given
from hypothesis import strategies as st

from mailstack.contentfilter.reason import MAX_RULES, field, parse
from mailstack.protocols.spamc import Scored

REPORT = b"""X-Spam-Flag: YES
X-Spam-Report: \n\
\t* -0.0 NO_RECEIVED Informational: message has no Received headers
\t*  0.5 SUBJ_ALL_CAPS Subject is all capitals
\t* 1000 GTUBE BODY: Generic Test for Unsolicited Bulk Email
\t*  0.2 NORMAL_HTTP_TO_IP URI: URI host has a public dotted-decimal IPv4
\t*      address
\t*  1.0 CTE_8BIT_MISMATCH Header says 7bits but body disagrees
\t*  3.0 USER_UM BODY: =?UTF-8?B?R3LDtsOfZQ==?= ist wichtig
\t*  1.8 DRUGS_ERECTILE Refers to an erectile drug
X-Spam-Level: ***
"""


def reason(fields: bytes) -> str:
    answer = Scored(is_spam=True, score=1006.5, threshold=5.0, header=b"")
    return field(answer, fields).decode()


def test_what_weighs_most_is_told() -> None:
    """The heaviest rules in plain words, with their scores; what spoke for the message is not."""
    assert reason(REPORT) == (
        "X-Spam-Reason: 1006.5 of 5.0: Generic Test for Unsolicited Bulk Email (1000 GTUBE),\r\n"
        "\t=?UTF-8?B?R3LDtsOfZQ==?= ist wichtig (3 USER_UM),\r\n"
        "\tRefers to an erectile drug (1.8 DRUGS_ERECTILE),\r\n"
        "\tHeader says 7bits but body disagrees (1 CTE_8BIT_MISMATCH),\r\n"
        "\tSubject is all capitals (0.5 SUBJ_ALL_CAPS),\r\n"
        "\tand 1 more\r\n"
    )


def test_wrapped_descriptions_are_joined() -> None:
    """A description that goes on in the next line of the report is one text."""
    hits = {hit.name: hit.description for hit in parse(REPORT)}
    assert hits["NORMAL_HTTP_TO_IP"] == "URI: URI host has a public dotted-decimal IPv4 address"


def test_without_a_report() -> None:
    """Score and threshold are told in any case."""
    assert reason(b"X-Spam-Status: Yes\n") == "X-Spam-Reason: 1006.5 of 5.0\r\n"


def test_a_rule_without_words_is_named() -> None:
    """A user's own rule needs no description."""
    assert reason(b"X-Spam-Report:\n\t*  3.0 USER_X\n").endswith("5.0: USER_X (3)\r\n")


def test_long_descriptions_are_cut_between_words() -> None:
    """No word is broken, which could be an encoded one."""
    text = reason(b"X-Spam-Report:\n\t*  3.0 USER_X " + b"words " * 40 + b"\n")
    assert text.endswith("words ... (3 USER_X)\r\n")


@given(st.binary(max_size=400))
def test_whatever_the_report_says(rest: bytes) -> None:
    """It is one field of printable ASCII, of a few short lines."""
    text = reason(b"X-Spam-Report:\n\t*  3.0 USER_X " + rest)
    lines = text.removesuffix("\r\n").split("\r\n")
    assert len(lines) <= MAX_RULES + 1
    assert all(line.startswith("\t") for line in lines[1:])
    assert all(len(line) < 300 and line.lstrip("\t").isascii() for line in lines)
    assert all(character.isprintable() for line in lines for character in line.lstrip("\t"))
