"""The message that carries a DMARC aggregate report (RFC 7489 7.2.1.1). Pure."""

import gzip
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from mailstack.reports.kept import Report


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who reports."""

    domain: str
    hostname: str

    @property
    def address(self) -> str:
        return f"postmaster@{self.domain}"


def write(report: Report, document: bytes, by: Submitter, to: str, now: float) -> bytes:
    """Make the message. ``document`` is the XML."""
    submitter, domain = by.domain, report.published.domain
    message = EmailMessage(policy=SMTP.clone(max_line_length=900))
    message["From"] = Address(f"DMARC reports of {submitter}", addr_spec=by.address)
    message["To"] = to
    message["Subject"] = (
        f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report.identity}>"
    )
    message["Date"] = formatdate(now)
    message["Message-ID"] = f"<{report.identity}@{by.hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This is a DMARC aggregate report (RFC 7489) of {submitter} about mail in the name of\n"
        f"{domain}, asked for by its DMARC record. It is meant for a program.\n"
    )
    message.add_attachment(
        gzip.compress(document, mtime=0),
        maintype="application",
        subtype="gzip",
        filename=_file_name(report, submitter),
    )
    return bytes(message)


def _file_name(report: Report, submitter: str) -> str:
    unique = report.identity.rpartition(".")[2]
    name = "!".join(
        (submitter, report.published.domain, str(report.begin), str(report.end), unique)
    )
    return f"{name}.xml.gz"
