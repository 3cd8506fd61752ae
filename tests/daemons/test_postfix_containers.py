"""What Postfix does in a cluster besides: it believes load balancers, and it drains."""

import asyncio

from tests.daemons.mail_stage import MailStage, mail_stage, settings

from mailstack.aio.dialog import connect
from mailstack.daemons.postfix.drain import drain
from mailstack.daemons.postfix.probe import probe

QUICK = {"main.cf": "postscreen_greet_wait = 1s\n"}
BALANCER = settings(
    listen={"proxy_networks": ("10.9.0.0/24",)},
    smtp={"dnsbl_sites": ("bl.example*3",), "dnsbl_threshold": 3},
)


async def _first_reply(stage: MailStage, port: str, *lines: str) -> str:
    async with connect(stage.address(port), timeout_s=60) as dialog:
        for line in lines:
            await dialog.send(line)
        return await dialog.reply()


async def _greeting(stage: MailStage) -> str:
    """The first words on port 25; none where a reload had the connection in its hands."""
    try:
        async with connect(stage.address("smtp"), timeout_s=5) as dialog:
            return await dialog.reply()
    except OSError:
        return ""


async def test_a_load_balancer_names_the_client() -> None:
    """With the PROXY protocol a client is judged by its own address, on every public port."""
    async with mail_stage(BALANCER, QUICK) as stage:
        stage.peers.records["9.113.0.203.bl.example.", "A"] = "127.0.0.2"
        await probe(stage.postfix.site)
        async with connect(stage.address("smtp"), timeout_s=60) as dialog:
            await dialog.send("PROXY TCP4 203.0.113.9 192.0.2.1 4711 25")
            await dialog.reply()
            for command in ("EHLO a.example", "MAIL FROM:<a@remote.example>"):
                await dialog.ask(command)
            listed = await dialog.ask("RCPT TO:<bob@example.org>")
        assert "client [203.0.113.9] blocked" in listed
        own = "PROXY TCP4 198.51.100.7 192.0.2.1 4711 587"
        assert (await _first_reply(stage, "submission", own)).startswith("220 ")


async def test_draining_refuses_what_is_new_and_finishes_what_is_under_way() -> None:
    """A pod that ends takes no new session, and the message that is being sent is delivered."""
    told: list[str] = []
    async with mail_stage(overrides=QUICK) as stage:
        begin = ("MAIL FROM:<carol@remote.example>", "RCPT TO:<bob@example.org>", "DATA")
        async with stage.session(*begin) as dialog:
            paths = stage.postfix.site.paths
            draining = asyncio.create_task(drain(paths, told.append, patience_s=20))
            async with asyncio.timeout(60):
                while not (refused := await _greeting(stage)).startswith("421"):  # noqa: ASYNC110 - another process begins to
                    await asyncio.sleep(0.1)
            assert (await dialog.ask("Subject: on the way\r\n\r\ntext\r\n.")).startswith("250")
            await dialog.ask("QUIT")
        assert "on the way" in await stage.delivered()
        await draining
    assert "going down" in refused
    assert told[-1] == "drained"
