"""The message that carries a report about TLS (RFC 8460 5.3). Pure."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from mailstack.reports.letter import Submitter
from mailstack.reports.tls.document import file_name
from mailstack.reports.tls.kept import Report


def write(report: Report, packed: bytes, by: Submitter, to: str, now: float) -> bytes:
    """Make the message around the packed document.

    "TLS-Required: no" (RFC 8689) has Postfix deliver it whatever is wrong with the domain's TLS,
    and tell nobody of that handshake: RFC 8460 3 wants both.
    """
    message = EmailMessage(policy=SMTP.clone(max_line_length=900))
    message["From"] = Address(f"TLS reports of {by.domain}", addr_spec=by.address)
    message["To"] = to
    message["Subject"] = (
        f"Report Domain: {report.domain} Submitter: {by.domain} Report-ID: <{report.identity}>"
    )
    message["Date"] = formatdate(now)
    message["Message-ID"] = f"<{report.identity}@{by.hostname}>"
    message["TLS-Report-Domain"] = report.domain
    message["TLS-Report-Submitter"] = by.domain
    message["TLS-Required"] = "No"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This is a report (RFC 8460) of {by.domain} about TLS on the way to the servers of\n"
        f"{report.domain}, asked for by its record at _smtp._tls. It is meant for a program.\n"
    )
    message.add_attachment(
        packed, maintype="application", subtype="tlsrpt+gzip", filename=file_name(report, by)
    )
    message.replace_header("Content-Type", "multipart/report")
    message.set_param("report-type", "tlsrpt")
    return bytes(message)
