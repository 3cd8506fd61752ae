"""Datagrams as libtlsrpt writes them: recorded from Debian 13's Postfix 3.10.13, names changed."""

import json

from mailstack.protocols.tlsrpt import Session, read_datagram

RECORD = "v=TLSRPTv1; rua=mailto:tls@a.example"
SUCCESS = (
    b'{"d": "a.example","pr": "v=TLSRPTv1; rua=mailto:tls@a.example",'
    b'"policies":[{"policy-type":9,"t":0,"f":0}]}'
)
FAILURE = (
    b'{"d": "a.example","pr": "v=TLSRPTv1; rua=mailto:tls@a.example","policies":[{"policy-type":2,'
    b'"policy-domain": "a.example","policy-string":["version: STSv1","mode: enforce",'
    b'"mx: *.a.example","max_age: 604800"],"mx-host":["*.a.example"],"failure-details":[{"c":203,'
    b'"s": "192.0.2.1","n": "mx.a.example","h": "250-mx.a.example\\r\\n250 STARTTLS",'
    b'"r": "198.51.100.9","f": "self-signed-certificate"}],"t":1,"f":1}]}'
)


def changed(datagram: bytes, **fields: object) -> bytes:
    """The same with other top-level fields."""
    return json.dumps({**json.loads(datagram), **fields}).encode()


def of_policy(datagram: bytes, **fields: object) -> bytes:
    """The same with other fields of its policy; dashes are underscores."""
    whole = json.loads(datagram)
    whole["policies"][0] |= {name.replace("_", "-"): value for name, value in fields.items()}
    return json.dumps(whole).encode()


def session(datagram: bytes) -> Session:
    (only,) = read_datagram(datagram)
    return only
