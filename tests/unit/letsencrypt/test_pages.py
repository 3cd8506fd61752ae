"""What port 80 answers."""

from pathlib import Path

import pytest

from mailstack.aio.http import Request
from mailstack.letsencrypt.pages import PublicPages
from mailstack.letsencrypt.proofs import WebRoot

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
CHALLENGE = (".well-known", "acme-challenge")


def _get(*path: str, host: str = "mail.example.org", query: str = "") -> Request:
    return Request("GET", path, {"host": host}, query=query)


@pytest.fixture
def pages(tmp_path: Path) -> PublicPages:
    return PublicPages(tmp_path, "mail.example.org", 0)


async def test_a_proof_is_there_while_an_order_runs(tmp_path: Path, pages: PublicPages) -> None:
    """What the order shows is served as it is, and is gone with it."""
    root = WebRoot(tmp_path)
    root.show("mail.example.org", TOKEN, f"{TOKEN}.print")
    answer = await pages.answer(_get(*CHALLENGE, TOKEN))
    assert (answer.status, answer.body) == (200, f"{TOKEN}.print".encode())
    root.hide("mail.example.org", TOKEN, "")
    root.hide("mail.example.org", TOKEN, "")
    assert (await pages.answer(_get(*CHALLENGE, TOKEN))).status == 404
    assert pages.counts == {"proof": 1, "unknown": 1, "redirect": 0, "refused": 0}


@pytest.mark.parametrize("token", ["", "..", "../account.pem", ".hidden", "a" * 129, "a\0", "ä"])
async def test_a_name_never_becomes_a_path(tmp_path: Path, pages: PublicPages, token: str) -> None:
    """What is no token is no file, whatever lies there."""
    (tmp_path / ".hidden").write_text("secret")
    (tmp_path.parent / "account.pem").write_text("secret")
    answer = await pages.answer(_get(*CHALLENGE, token))
    assert answer.status == 404
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (_get(""), "https://mail.example.org/"),
        (_get("a b", "c"), "https://mail.example.org/a%20b/c"),
        (_get("x", query="q=1&r=%20"), "https://mail.example.org/x?q=1&r=%20"),
        (_get("x", query='"\r\n'), "https://mail.example.org/x?%22%0D%0A"),
        (_get("x", host="mta-sts.example.net:8080"), "https://mta-sts.example.net/x"),
        (_get("x", host="[2001:db8::1]"), "https://[2001:db8::1]/x"),
        (_get("x", host="evil/@b"), "https://mail.example.org/x"),
        (_get("x", host=""), "https://mail.example.org/x"),
        (_get("", "evil.example"), "https://mail.example.org//evil.example"),
        (_get(*CHALLENGE), "https://mail.example.org/.well-known/acme-challenge"),
        (_get(*CHALLENGE, TOKEN, "x"), f"https://mail.example.org/{'/'.join(CHALLENGE)}/{TOKEN}/x"),
    ],
)
async def test_everybody_else_is_sent_to_https(
    pages: PublicPages, request_: Request, target: str
) -> None:
    """The same page of the same host, by a header that nobody can break out of."""
    answer = await pages.answer(request_)
    assert (answer.status, dict(answer.headers)["Location"]) == (301, target)


async def test_a_shifted_stack_is_found(tmp_path: Path) -> None:
    """Where the ports are shifted, the one of https is named."""
    answer = await PublicPages(tmp_path, "mail.example.org", 20_000).answer(_get(""))
    assert dict(answer.headers)["Location"] == "https://mail.example.org:20443/"


async def test_nothing_is_taken(pages: PublicPages) -> None:
    """Whoever wants to send something is refused."""
    request = Request("POST", (*CHALLENGE, TOKEN), {}, b"body")
    assert (await pages.answer(request)).status == 405
