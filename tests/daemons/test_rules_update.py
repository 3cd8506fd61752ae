"""New rules, from a channel that is played by a script, come into force in a real spamd."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tests.daemons.keeper_stage import ANNS, LOCAL, OFFSET, message
from tests.daemons.stage import Running, running, site_for, state_folder

from mailstack.aio import command
from mailstack.daemons.spamassassin import DAEMON as SPAMD
from mailstack.daemons.spamassassin import users
from mailstack.errors import MissingProgram
from mailstack.spamkeeper.rules import CURRENT, Result, Rules
from mailstack.spamkeeper.spamd import Spamd

try:
    SPAMD.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANNEL = """\
#!/bin/sh
# As sa-update does: --import a key, or put all rules below --updatedir, with an index beside them.
case "$3" in --import) exit 0;; esac
folder="$4/updates_example_org"
mkdir -p "$folder"
cp @{base}/*.cf @{base}/*.pre "$folder" 2>/dev/null
cp @{more} "$folder/99_more.cf"
for file in "$folder"/*.cf; do
    echo "include updates_example_org/${file##*/}"
done > "$4/updates_example_org.cf"
echo "@{words}"
exit @{status}
"""


@dataclass(slots=True)
class Channel:
    """What the next look for rules will find."""

    folder: Path
    rules: Rules
    stage: Running

    def offers(self, text: str, *, status: int = 0, words: str = "") -> None:
        more = self.folder / "more.cf"
        more.write_text(text)
        values: Mapping[str, object] = {
            "base": users.DEBIANS_RULES,
            "more": more,
            "words": words,
            "status": status,
        }
        script = CHANNEL
        for name, value in values.items():
            script = script.replace(f"@{{{name}}}", str(value))
        program = self.folder / "sa-update"
        program.write_text(script)
        program.chmod(0o755)
        self.rules.program = str(program)

    async def hits(self) -> str:
        port = self.stage.site.addresses["spamd.spamc"].port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        text = message("See you at noon.")
        head = f"SYMBOLS SPAMC/1.5\r\nUser: {ANNS}\r\nContent-length: {len(text)}\r\n\r\n"
        writer.write(head.encode() + text)
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        return answer.decode()

    def in_force(self) -> str:
        return str((self.rules.folder / CURRENT).readlink())


@pytest_asyncio.fixture(loop_scope="module")
async def channel() -> AsyncIterator[Channel]:
    with state_folder() as state:
        site = site_for(SPAMD, state, offset=OFFSET, settings=LOCAL)
        async with running(SPAMD, site) as stage:
            spamd = Spamd(users.pid_file(site.paths), site.addresses["spamd.spamc"])
            folder = users.rules(site.paths, site.version)
            yield Channel(state, Rules(folder, site.paths.conf, spamd.reload), stage)


NEW = "body NEW_RULE /see you at noon/i\nscore NEW_RULE 1\n"


async def test_new_rules_come_into_force_and_bad_ones_do_not(
    channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    """The same process reads them; what does not lint is refused, and the old ones stay."""
    pid = channel.stage.pid
    assert channel.in_force() == str(users.DEBIANS_RULES)
    channel.offers(NEW)
    assert await channel.rules.update() is Result.UPDATED
    assert channel.in_force() == "versions/1"
    assert "NEW_RULE" in await channel.hits()
    assert channel.stage.pid == pid
    assert channel.stage.processes[0].returncode is None
    channel.offers("body BAD_RULE /(/\n")
    assert await channel.rules.update() is Result.REFUSED
    assert "BAD_RULE" in caplog.text
    assert channel.in_force() == "versions/1"
    assert [path.name for path in channel.rules.folder.glob("versions/*")] == ["1"]
    assert "NEW_RULE" in await channel.hits()
    channel.offers(NEW.replace("NEW_RULE", "NEWER_RULE"))
    assert await channel.rules.update() is Result.UPDATED
    assert "NEWER_RULE" in await channel.hits()
    assert sorted(path.name for path in channel.rules.folder.glob("versions/*")) == ["1", "2"]


async def test_rules_with_which_spamd_does_not_answer_are_taken_back(
    channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    """The link moves back, and spamd reads what it had before."""
    answers = iter(["does not answer within 60 s", ""])
    reloads: list[str] = []

    async def reload() -> str:
        reloads.append(channel.in_force())
        return next(answers)

    channel.rules.reload = reload
    channel.offers(NEW)
    assert await channel.rules.update() is Result.REFUSED
    assert reloads == ["versions/1", str(users.DEBIANS_RULES)]
    assert "does not answer" in caplog.text
    assert not list(channel.rules.folder.glob("versions/*"))


async def test_without_internet_it_is_said_once(
    channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    """Night after night nothing comes: one line, until it can be reached again."""
    channel.offers(NEW, status=4, words="no mirrors record found, channel failed")
    results = [await channel.rules.update() for _ in range(3)]
    assert results == [Result.OFFLINE] * 3
    assert caplog.text.count("no new rules can be fetched") == 1
    channel.offers(NEW, status=4, words="channel: GPG validation failed, channel failed")
    assert await channel.rules.update() is Result.REFUSED
    channel.offers(NEW, status=1)
    assert await channel.rules.update() is Result.CURRENT
    channel.rules.program = str(channel.folder / "not-there")
    assert await channel.rules.update() is Result.OFFLINE
    assert channel.in_force() == str(users.DEBIANS_RULES)


async def test_the_real_program_without_internet(channel: Channel) -> None:
    """sa-update itself finds the channel's key, fails to reach it, and leaves no process behind."""
    channel.rules.program = "sa-update"
    assert await channel.rules.update() in {Result.OFFLINE, Result.CURRENT, Result.UPDATED}
    keys = channel.rules.folder / "keys"
    listed = await command.run(["gpg", "--homedir", str(keys), "--list-keys"])
    assert "5244EC45" in listed.output or "spamassassin" in listed.output.lower()
    assert not list(keys.glob("S.gpg-agent*"))
