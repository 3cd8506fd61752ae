"""Reports as others write them."""

import gzip
import io
import json
import zipfile
from email.message import EmailMessage

BEGIN, END = 1_700_000_000, 1_700_086_399
AT = END + 3600

DMARC = f"""\
<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <report_metadata>
    <org_name>google.com</org_name>
    <email>noreply-dmarc-support@google.com</email>
    <report_id>123</report_id>
    <date_range><begin>{BEGIN}</begin><end>{END}</end></date_range>
  </report_metadata>
  <policy_published><domain>home.example</domain><p>reject</p></policy_published>
  <record>
    <row>
      <source_ip>192.0.2.1</source_ip><count>7</count>
      <policy_evaluated>
        <disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>
      </policy_evaluated>
    </row>
    <identifiers><header_from>home.example</header_from></identifiers>
    <auth_results><spf><domain>home.example</domain><result>fail</result></spf></auth_results>
  </record>
  <record>
    <row>
      <source_ip>2001:db8::1</source_ip><count>2</count>
      <policy_evaluated>
        <disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf>
      </policy_evaluated>
    </row>
    <identifiers><header_from>news.home.example</header_from></identifiers>
  </record>
</feedback>
""".encode()

TLS = json.dumps(
    {
        "organization-name": "Company-X",
        "date-range": {
            "start-datetime": "2023-11-14T00:00:00Z",
            "end-datetime": "2023-11-14T23:59:59Z",
        },
        "contact-info": "sts-reporting@company-x.example",
        "report-id": "5065427c",
        "policies": [
            {
                "policy": {"policy-type": "sts", "policy-domain": "home.example"},
                "summary": {
                    "total-successful-session-count": 5326,
                    "total-failure-session-count": 303,
                },
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "2001:db8:abcd:0012::1",
                        "receiving-mx-hostname": "mail.home.example",
                        "failed-session-count": 100,
                    },
                    {"result-type": "starttls-not-supported", "failed-session-count": 203},
                ],
            }
        ],
    }
).encode()


def zipped(document: bytes, name: str = "report.xml") -> bytes:
    """A zip file, as Google sends."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, document)
    return file.getvalue()


def message(
    payload: bytes, kind: str = "gzip", subject: str = "Report Domain: home.example Submitter: x"
) -> bytes:
    """A message with a report attached."""
    letter = EmailMessage()
    letter["From"] = "reports@google.com"
    letter["To"] = "postmaster@home.example"
    letter["Subject"] = subject
    letter.set_content("See the attachment.")
    letter.add_attachment(
        payload,
        maintype="application",
        subtype=kind,
        filename=f"google.com!home.example!{BEGIN}!{END}.xml.gz",
    )
    return letter.as_bytes().replace(b"\n", b"\r\n")


def dmarc_message() -> bytes:
    """The usual one."""
    return message(gzip.compress(DMARC))
