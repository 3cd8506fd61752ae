"""How mail programs are told of servers: Thunderbird, Outlook, Apple. Pure: facts in, octets out.

The formats: Thunderbird's config-v1.1 (draft-bucksch-autoconfig), Outlook's plain old XML
([MS-OXDSCLI] 2.2.4, response schema 2006a), Apple's configuration profiles. No password is in any
of them: it is the user who types it.
"""

import uuid
from typing import Final

from mailstack.errors import ProtocolError
from mailstack.names.facts import Facts
from mailstack.protocols.plain_xml import Element, read_xml

OUTLOOK_REQUEST: Final = (
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
)
OUTLOOK: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_RESPONSE: Final = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE: Final = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
"""RFC 9562 6.6: names that are those of DNS."""


def escape(text: str) -> str:
    """Write a text so that XML reads it as it is; ``xml.sax`` would cost the service a MiB."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def thunderbird(domain: str, facts: Facts) -> bytes:
    """IMAP and submission, the ones with TLS from the start first (RFC 8314)."""
    servers = (
        ("incomingServer", "imap", facts.imaps, "SSL"),
        ("incomingServer", "imap", facts.imap, "STARTTLS"),
        ("outgoingServer", "smtp", facts.submissions, "SSL"),
        ("outgoingServer", "smtp", facts.submission, "STARTTLS"),
    )
    host = escape(facts.hostname)
    told = "".join(
        f'    <{tag} type="{kind}">\n'
        f"      <hostname>{host}</hostname>\n"
        f"      <port>{port}</port>\n"
        f"      <socketType>{socket}</socketType>\n"
        "      <username>%EMAILADDRESS%</username>\n"
        "      <authentication>password-cleartext</authentication>\n"
        f"    </{tag}>\n"
        for tag, kind, port, socket in servers
    )
    return (
        f'{_DECLARATION}<clientConfig version="1.1">\n'
        f'  <emailProvider id="{domain}">\n'
        f"    <domain>{domain}</domain>\n"
        f"    <displayName>{domain}</displayName>\n"
        f"    <displayShortName>{domain}</displayShortName>\n"
        f"{told}"
        "  </emailProvider>\n"
        "</clientConfig>\n"
    ).encode()


def asked_by_outlook(body: bytes) -> str:
    """The address in a request.

    Raises:
        ProtocolError: it is no request of that schema.
    """
    root: Element = read_xml(body)
    wanted = root.text_of("Request", "AcceptableResponseSchema", default=OUTLOOK)
    if wanted != OUTLOOK:  # ActiveSync's, from a telephone that was told of an Exchange account
        raise ProtocolError(f"the response is to be of the schema {wanted}")
    return root.text_of("Request", "EMailAddress")


def outlook(address: str, facts: Facts) -> bytes:
    """Settings for the account that was asked about."""
    servers = (("IMAP", facts.imaps, ""), ("SMTP", facts.submissions, _SMTP))
    told = "".join(
        "      <Protocol>\n"
        f"        <Type>{kind}</Type>\n"
        f"        <Server>{escape(facts.hostname)}</Server>\n"
        f"        <Port>{port}</Port>\n"
        f"        <LoginName>{escape(address)}</LoginName>\n"
        "        <DomainRequired>off</DomainRequired>\n"
        "        <SPA>off</SPA>\n"
        "        <SSL>on</SSL>\n"
        "        <AuthRequired>on</AuthRequired>\n"
        f"{more}"
        "      </Protocol>\n"
        for kind, port, more in servers
    )
    return (
        f'{_DECLARATION}<Autodiscover xmlns="{_RESPONSE}">\n'
        f'  <Response xmlns="{OUTLOOK}">\n'
        "    <Account>\n"
        "      <AccountType>email</AccountType>\n"
        "      <Action>settings</Action>\n"
        f"{told}"
        "    </Account>\n"
        "  </Response>\n"
        "</Autodiscover>\n"
    ).encode()


_SMTP: Final = "        <UsePOPAuth>off</UsePOPAuth>\n        <SMTPLast>off</SMTPLast>\n"


def outlook_error() -> bytes:
    """What is told about a request that is none ([MS-OXDSCLI] 2.2.4.1.1.1: 600)."""
    return (
        f'{_DECLARATION}<Autodiscover xmlns="{_RESPONSE}">\n'
        "  <Response>\n"
        '    <Error Time="00:00:00" Id="0">\n'
        "      <ErrorCode>600</ErrorCode>\n"
        "      <Message>Invalid Request</Message>\n"
        "      <DebugData />\n"
        "    </Error>\n"
        "  </Response>\n"
        "</Autodiscover>\n"
    ).encode()


def outlook_place(protocol: str, host: str) -> tuple[bool, dict[str, str]]:
    """Where a protocol is told (autodiscover.json, "version 2"): ours is the XML of before.

    False for one that is not served, with what is to be said then.
    """
    if protocol.lower() == "autodiscoverv1":
        url = f"https://{host}/autodiscover/autodiscover.xml"
        return True, {"Protocol": "AutodiscoverV1", "Url": url}
    words = "The protocol is not served. Supported values are 'AutodiscoverV1'"
    return False, {"ErrorCode": "InvalidProtocol", "ErrorMessage": words}


def apple(domain: str, address: str, facts: Facts) -> bytes:
    """A profile with one account. Its identifier is the account's, so a new one replaces it alone.

    Without an address, the device asks for it.
    """
    import plistlib  # noqa: PLC0415 - seldom asked for, and large

    who = address or domain
    identifier = f"{_reversed(domain)}.mail.{_uuid(f'identifier/{who}').lower()}"
    account: dict[str, object] = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identifier}.account",
        "PayloadUUID": _uuid(f"account/{who}"),
        "PayloadDisplayName": f"Mail of {who}",
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountDescription": who,
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": facts.hostname,
        "IncomingMailServerPortNumber": facts.imaps,
        "IncomingMailServerUseSSL": True,
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": facts.hostname,
        "OutgoingMailServerPortNumber": facts.submissions,
        "OutgoingMailServerUseSSL": True,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    if address:
        names = ("EmailAddress", "IncomingMailServerUsername", "OutgoingMailServerUsername")
        account |= dict.fromkeys(names, address)
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": identifier,
            "PayloadUUID": _uuid(f"profile/{who}"),
            "PayloadDisplayName": f"Mail of {who}",
            "PayloadOrganization": domain,
            "PayloadContent": [account],
        }
    )


def _reversed(domain: str) -> str:
    return ".".join(reversed(domain.split(".")))


def _uuid(name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"mailstack/{name}")).upper()
