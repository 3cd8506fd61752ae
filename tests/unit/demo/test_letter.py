"""Messages as the outside writes them."""

from email import message_from_bytes
from email.policy import default

from mailstack.demo import letter
from mailstack.demo.keys import SigningKey
from mailstack.demo.received import signatures_of
from mailstack.demo.records import txt
from mailstack.demo.zone import Zone


def test_a_letter_is_complete() -> None:
    """Date and Message-ID are there, or SpamAssassin would count their absence as spam."""
    message = message_from_bytes(letter.write("a@a.example", "b@b.example", "Hi"), policy=default)
    assert (message["From"], message["To"], message["Subject"]) == (
        "a@a.example",
        "b@b.example",
        "Hi",
    )
    assert message["Date"]
    assert message["Message-ID"].endswith("@a.example>")


def test_headers_may_be_replaced() -> None:
    """A test may say any header itself."""
    octets = letter.write("a@a.example", "b@b.example", "Hi", headers={"From": "c@c.example"})
    message = message_from_bytes(octets, policy=default)
    assert message.get_all("From") == ["c@c.example"]


def test_a_signed_letter_verifies() -> None:
    """What is signed here is what a receiver of the public key accepts."""
    key, zone = SigningKey.generate(), Zone()
    zone.update({"s1._domainkey.a.example": {"TXT": (txt(f"v=DKIM1; p={key.public}"),)}})
    plain = letter.write("a@a.example", "b@b.example", "Hi")
    octets = letter.sign(plain, key, "a.example", selector="s1")
    assert [s.verified for s in signatures_of(octets, zone.txt)] == [True]
    assert [s.verified for s in signatures_of(octets, lambda _: None)] == [False]
