"""Writes a DMARC aggregate report: the XML of RFC 7489, appendix C. Pure."""

from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from mailstack.identity.dmarc import Disposition
from mailstack.identity.tally import Row
from mailstack.reports.kept import Report

_DKIM_RESULTS: Final = ("none", "pass", "fail", "policy", "neutral", "temperror", "permerror")
_SPF_RESULTS: Final = ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")


def write(report: Report, organization: str, email: str) -> bytes:
    """The document, in the order that the schema prescribes."""
    root = Element("feedback")
    SubElement(root, "version").text = "1.0"
    metadata = SubElement(root, "report_metadata")
    _fields(metadata, {"org_name": organization, "email": email, "report_id": report.identity})
    _fields(
        SubElement(metadata, "date_range"), {"begin": str(report.begin), "end": str(report.end)}
    )
    policy = report.published
    _fields(
        SubElement(root, "policy_published"),
        {
            "domain": policy.domain,
            "adkim": policy.adkim,
            "aspf": policy.aspf,
            "p": policy.p,
            "sp": policy.sp,
            "pct": str(policy.percent),
            "fo": "0",
        },
    )
    for row, count in report.rows.most_common():
        _record(SubElement(root, "record"), row, count)
    declaration = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    return declaration + bytes(tostring(root, encoding="utf-8", xml_declaration=False)) + b"\n"


def _record(record: Element, row: Row, count: int) -> None:
    found = SubElement(record, "row")
    _fields(found, {"source_ip": row.address, "count": str(count)})
    _evaluated(SubElement(found, "policy_evaluated"), row)
    _fields(
        SubElement(record, "identifiers"),
        {"envelope_from": row.envelope, "header_from": row.author},
    )
    results = SubElement(record, "auth_results")
    for result, domain, selector in row.dkim:
        fields = {"domain": domain, "selector": selector, "result": _one_of(_DKIM_RESULTS, result)}
        _fields(SubElement(results, "dkim"), fields)
    spf = {
        "domain": row.spf_domain,
        "scope": "mfrom" if row.spf_scope == "mfrom" else "helo",
        "result": _one_of(_SPF_RESULTS, row.spf),
    }
    _fields(SubElement(results, "spf"), spf)


def _evaluated(evaluated: Element, row: Row) -> None:
    known = {one.value for one in Disposition if one is not Disposition.DEFER}
    fields = {
        "disposition": row.disposition if row.disposition in known else "none",
        "dkim": "pass" if row.dkim_aligned else "fail",
        "spf": "pass" if row.spf_aligned else "fail",
    }
    _fields(evaluated, fields)
    if row.override:
        SubElement(SubElement(evaluated, "reason"), "type").text = row.override


def _fields(parent: Element, fields: Mapping[str, str]) -> None:
    for name, text in fields.items():
        SubElement(parent, name).text = text


def _one_of(known: tuple[str, ...], result: str) -> str:
    return result if result in known else "none"
