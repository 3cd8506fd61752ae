"""The certificate as a Secret: written by two requests, and never over what is not ours."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api_server import ApiServer, api_server
from tests.authority import leaf_for

from mailstack.agent.keys import self_signed
from mailstack.aio.kubernetes_api import TRIES
from mailstack.errors import MailstackError
from mailstack.letsencrypt.cluster import ClusterFailed, ClusterSecret
from mailstack.letsencrypt.pair import Pair
from mailstack.topology.model import Endpoint

HOST = "mail.example.org"
NAME = "mailstack-tls"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    (tmp_path / "account").mkdir()
    with api_server(tmp_path / "account") as server:
        key, certificate = self_signed([HOST])
        server.put(**_encoded(certificate, key), extra=_base64("stays"))
        yield server


@pytest.fixture
def secret(api: ApiServer) -> ClusterSecret:
    return ClusterSecret(NAME, api.endpoint, api.account, timeout_s=20, sleep=lambda _: None)


@pytest.fixture
def pair(secret: ClusterSecret, tmp_path: Path) -> Pair:
    return Pair(secret, tmp_path / "kept")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _encoded(certificate: str, key: str) -> dict[str, str]:
    return {"tls.crt": _base64(certificate), "tls.key": _base64(key)}


def _made() -> tuple[str, str]:
    _, certificate, key = leaf_for(HOST)
    return certificate.decode(), key.decode()


def _data(api: ApiServer) -> dict[str, str]:
    assert api.secret is not None
    data: dict[str, str] = api.secret["data"]
    return data


def test_the_first_gives_way(api: ApiServer, pair: Pair) -> None:
    """Both halves are exchanged by one request, and what else is in the Secret stays."""
    certificate, key = _made()
    pair.replace(certificate, key, [HOST])
    assert _data(api) == {**_encoded(certificate, key), "extra": _base64("stays")}
    assert [code for method, code in api.asked if method == "PATCH"] == [200]
    found = pair.shown()
    assert found is not None
    assert not found.is_first


def test_the_owners_stays(api: ApiServer, pair: Pair) -> None:
    """A certificate that we did not make is never overwritten."""
    api.put(**_encoded(*_made()))
    before = _data(api)
    with pytest.raises(MailstackError, match="is your own"):
        pair.replace(*_made())
    assert _data(api) == before
    assert "PATCH" not in dict(api.asked)


def test_who_was_faster_is_looked_at(api: ApiServer, pair: Pair) -> None:
    """Between our look and our patch the owner wrote another one: a conflict, and theirs stays."""
    own = _encoded(*_made())

    def somebody() -> None:
        api.put(**own)
        api.before_patch = lambda: None

    api.before_patch = somebody
    with pytest.raises(MailstackError, match="is your own"):
        pair.replace(*_made())
    assert ("PATCH", 409) in api.asked
    assert _data(api) == own


def test_a_conflict_about_something_else_is_no_obstacle(api: ApiServer, pair: Pair) -> None:
    """Where only something else has changed, the exchange is begun anew."""

    def somebody() -> None:
        api.put(**_data(api))
        api.before_patch = lambda: None

    api.before_patch = somebody
    certificate, key = _made()
    pair.replace(certificate, key)
    assert _data(api)["tls.crt"] == _base64(certificate)


@pytest.mark.parametrize("failure", [0, 429, 500, 502, 503, 504])
def test_what_fails_for_now_is_tried_again(
    api: ApiServer, secret: ClusterSecret, failure: int
) -> None:
    """A server that is busy, starting or cut off is asked again."""
    api.failures = [failure] * (TRIES - 1)
    assert secret.certificate()


def test_what_goes_on_failing_is_told(api: ApiServer, pair: Pair) -> None:
    """In the end one line says who does not do its part; the old one stays, the new one is kept."""
    before = dict(_data(api))
    certificate, key = _made()
    api.refuse_patches = True
    with pytest.raises(ClusterFailed, match=r"does not do its part .* etcd is read-only") as told:
        pair.replace(certificate, key)
    assert "\n" not in str(told.value)
    assert _data(api) == before
    assert [code for method, code in api.asked if method == "PATCH"] == [500] * TRIES
    api.refuse_patches = False
    assert pair.restore()
    assert _data(api)["tls.crt"] == _base64(certificate)


def test_a_right_that_is_missing_is_told(api: ApiServer) -> None:
    """403 is final, and says which objects to apply."""
    other = ClusterSecret("other", api.endpoint, api.account, sleep=lambda _: None)
    with pytest.raises(ClusterFailed, match=r"may not get .* Role and RoleBinding"):
        other.certificate()
    assert api.asked == [("GET", 403)]


def test_a_missing_secret_is_told(api: ApiServer, secret: ClusterSecret) -> None:
    """404 says how to make it."""
    api.secret = None
    with pytest.raises(ClusterFailed, match="does not exist; make it"):
        secret.certificate()


def test_an_empty_secret_is_filled(api: ApiServer, pair: Pair) -> None:
    """A Secret without a pair has nothing that could be the owner's."""
    api.put()
    assert pair.shown() is None
    certificate, key = _made()
    pair.replace(certificate, key)
    assert _data(api) == _encoded(certificate, key)


def test_a_rotated_token_is_read_anew(api: ApiServer, secret: ClusterSecret) -> None:
    """The kubelet exchanges the token each hour."""
    assert secret.certificate()
    api.rotate("second")
    assert secret.certificate()
    api.token = "third"  # it is exchanged between reading and asking

    def rotate(_: float) -> None:
        api.rotate("third")

    secret.sleep = rotate
    assert secret.certificate()
    assert ("GET", 401) in api.asked


def test_a_stranger_is_not_told_the_token(api: ApiServer, secret: ClusterSecret) -> None:
    """A server whose certificate is not the cluster's is not asked anything."""
    root, _, _ = leaf_for("localhost")
    (api.account / "ca.crt").write_bytes(root)
    with pytest.raises(ClusterFailed, match="certificate verify failed"):
        secret.certificate()
    assert not api.asked


def test_a_silent_server_is_given_up(api: ApiServer) -> None:
    """A server that accepts and says nothing costs a bounded time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = Endpoint("localhost", silent.getsockname()[1])
        secret = ClusterSecret(NAME, at, api.account, timeout_s=0.05, sleep=lambda _: None)
        with pytest.raises(ClusterFailed, match="timed out"):
            secret.certificate()


def test_what_was_undone_is_put_back(api: ApiServer, pair: Pair) -> None:
    """Manifests that are applied again bring the first certificate back; ours returns by itself."""
    certificate, key = _made()
    pair.replace(certificate, key)
    first_key, first = self_signed([HOST])
    api.put(**_encoded(first, first_key))
    assert pair.restore()
    assert _data(api)["tls.crt"] == _base64(certificate)
    assert not pair.restore()
