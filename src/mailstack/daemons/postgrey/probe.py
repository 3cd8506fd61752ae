"""Ask Postgrey about one made-up delivery, as Postfix does.

Always the same triplet, from a network that is for documentation (RFC 5737), so the database holds
one entry for all probes and no real client gains by them.
"""

from mailstack.aio.dialog import connect
from mailstack.daemons.contract import ProbeFailed, Site
from mailstack.topology.model import LOOPBACK, Endpoint

TIMEOUT_S = 5.0
_QUESTION = {
    "request": "smtpd_access_policy",
    "protocol_state": "RCPT",
    "protocol_name": "ESMTP",
    "client_address": "192.0.2.1",
    "client_name": "probe.invalid",
    "helo_name": "probe.invalid",
    "sender": "probe@probe.invalid",
    "recipient": "probe@probe.invalid",
    "instance": "probe",
}
"""SMTPD_POLICY_README, "Protocol description"."""


async def probe(site: Site) -> None:
    """Raise ProbeFailed unless an action comes back."""
    listening = site.addresses["postgrey.policy"]
    host = LOOPBACK if listening.host == "all" else listening.host
    question = "".join(f"{name}={value}\n" for name, value in _QUESTION.items())
    try:
        async with connect(Endpoint(host, listening.port), timeout_s=TIMEOUT_S) as dialog:
            await dialog.send_raw(f"{question}\n".encode())
            answer = await dialog.line()
    except OSError as error:
        raise ProbeFailed(f"policy at {listening}: {error!r}") from error
    if not answer.startswith("action="):
        raise ProbeFailed(f"policy at {listening} answered {answer!r}")
