"""How couchmail's API names what it is asked for.

Apart from the clients, because programs that follow the feed need no other one in their memory.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def target(*segments: str, query: Mapping[str, str] | None = None) -> str:
    """Build the request target: every segment quoted whole, so that no name becomes a path."""
    path = "/v1/" + "/".join(quote(segment, safe="@") for segment in segments)
    return f"{path}?{urlencode(query)}" if query else path
