"""Makes the address a program asks for comparable with what is stored."""

from mailstack.model.addresses import parse_address
from mailstack.model.domains import parse_domain


def address_key(text: str) -> tuple[str, str]:
    """Local part and domain, in canonical form; two empty strings if it cannot be an address."""
    if text.isascii() and '"' not in text:
        local, _, domain = text.lower().rpartition("@")
        return local, domain
    try:
        local, _, domain = parse_address(text).rpartition("@")
    except ValueError:
        return "", ""
    return local, domain


def domain_key(text: str) -> str:
    """The domain in canonical form; an empty string if it cannot be one."""
    if text.isascii():
        return text.lower()
    try:
        return parse_domain(text)
    except ValueError:
        return ""
