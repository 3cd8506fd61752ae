"""Does what the stack sends carry a signature that its own keys verify?"""

import base64
from collections.abc import Callable
from pathlib import Path

from mailstack.doctor.context import Context
from mailstack.errors import MailstackError
from mailstack.findings import Finding


def signed(context: Context, octets: bytes) -> Finding:
    """Verify with the keys that the stack says it signs with, published or not."""
    import dkim  # type: ignore[import-untyped]  # noqa: PLC0415 - for who needs it

    try:
        keys = _keys(context)
    except (MailstackError, OSError) as error:
        return Finding("unknown", "canary.sign", f"could not ask for the keys: {error}")
    if dkim.verify(octets, dnsfunc=keys):
        return Finding("ok", "canary.sign", "the DKIM signature is valid")
    what = "no DKIM signature that our own keys verify"
    meaning = "what the canary cannot do, users cannot either"
    fix = context.inside("couchmail", f"mailstack dkim show {context.settings.domain}")
    return Finding("failure", "canary.sign", what, meaning, fix)


def _keys(context: Context) -> Callable[..., bytes | None]:
    """Answer dkimpy's questions."""
    domain = context.settings.domain
    items = context.api.call("GET", "domains", domain, "dkim").fields["items"]
    texts = {
        f"{item['selector']}._domainkey.{domain}": _record(item["algorithm"], item["public"])
        for item in items
    }
    file = context.state / "secure" / "dkim.private"
    if not context.pod or file.exists():  # in a cluster only those who sign have it
        fallback = f"{context.settings.dkim.selector}._domainkey.{domain}"
        texts.setdefault(fallback, _record("rsa", _public(file)))

    def look_up(name: bytes, timeout: int = 0) -> bytes | None:  # noqa: ARG001 - dkimpy's shape
        text = texts.get(name.decode().rstrip("."))
        return text.encode() if text else None

    return look_up


def _record(algorithm: str, public: str) -> str:
    return f"v=DKIM1; k={algorithm}; p={public}"


def _public(file: Path) -> str:
    """Return the public half of the key that signs for domains without keys of their own."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - costs 100 ms

    key = serialization.load_pem_private_key(file.read_bytes(), password=None).public_key()
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(serialization.Encoding.DER, kind)).decode()
