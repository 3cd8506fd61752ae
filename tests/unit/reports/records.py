"""Records, rows and policies as the tests of reports need them."""

from dataclasses import replace

from mailstack.identity.dmarc import Disposition, Override, Policy, Result, Signature
from mailstack.identity.record import Record
from mailstack.identity.tally import Published, Row

DAY = 20_000
"""A day, counted from 1970."""
POLICY = Policy("reject", "reject", rua="mailto:rua@a.example", domain="a.example")
RECORD = Record(
    address="192.0.2.1",
    author="a.example",
    envelope="a.example",
    policy=POLICY,
    result=Result.PASS,
    disposition=Disposition.NONE,
    override=Override.NONE,
    dkim=(Signature("pass", "a.example", "s1"),),
    dkim_aligned=True,
    spf="fail",
    spf_domain="a.example",
    spf_scope="mfrom",
    spf_aligned=False,
)
PUBLISHED = Published("a.example", "reject", "reject", "r", "r", 100, "mailto:rua@a.example")
ROW = Row(
    address="192.0.2.1",
    author="a.example",
    envelope="a.example",
    disposition="none",
    override="",
    dkim_aligned=True,
    spf_aligned=False,
    spf="fail",
    spf_domain="a.example",
    spf_scope="mfrom",
    dkim=(("pass", "a.example", "s1"),),
)


def row(number: int) -> Row:
    """A row that differs from all others by its address."""
    return replace(ROW, address=f"192.0.{number // 256}.{number % 256}")
