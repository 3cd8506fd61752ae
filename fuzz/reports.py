"""Reports about our domains, as attachments of strangers."""

from email.message import EmailMessage

from mailstack.errors import ProtocolError
from mailstack.model.domains import DomainName
from mailstack.model.reports import Reports
from mailstack.reports import reading, unpack
from mailstack.reports.received import MAX_SOURCES_OF_ONE, shortened, with_new

_XML = b"""<feedback><report_metadata><org_name>x</org_name><report_id>1</report_id><date_range>
<begin>1700000000</begin><end>1700086399</end></date_range></report_metadata><policy_published>
<domain>home.example</domain></policy_published><record><row><source_ip>192.0.2.1</source_ip>
<count>7</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim></policy_evaluated>
</row><identifiers><header_from>home.example</header_from></identifiers></record></feedback>"""
_JSON = b"""{"organization-name": "x", "report-id": "1", "date-range": {"start-datetime":
"2023-11-14T00:00:00Z", "end-datetime": "2023-11-14T23:59:59Z"}, "policies": [{"policy":
{"policy-type": "sts", "policy-domain": "home.example"}, "summary":
{"total-successful-session-count": 1}, "failure-details": [{"result-type": "x",
"failed-session-count": 2}]}]}"""
SEEDS = (_XML, _JSON, b"\x1f\x8b\x08\x00", b"PK\x03\x04")
WORDS = (
    b"<record>",
    b"</record>",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
    b"&a;",
    b"<![CDATA[",
    b"count",
    b"99999999999999999999",
    b"NaN",
    b'"policies"',
    b"[" * 200,
)
_ENVELOPE = reading.Envelope(1_700_090_000, (), proven=False)


def one(data: bytes) -> None:
    message = EmailMessage()
    message.set_content(data, maintype="application", subtype="octet-stream")
    try:
        for document in unpack.documents(message.as_bytes()):
            for report in reading.read(document, _ENVELOPE):
                assert report.reporter.isprintable()
                short = shortened(report)
                assert len(short.sources) <= MAX_SOURCES_OF_ONE
                kept = with_new(Reports(domain=DomainName(report.domain)), short, oldest=0)
                assert Reports.model_validate_json(kept.line()) == kept  # couchmail takes it
    except ProtocolError:
        pass
