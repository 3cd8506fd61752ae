"""The keeper between a real couchmail and a real spamd."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from tests.daemons.keeper_stage import ANN, ANNS, BOB, BOBS, USER, Trio, message, trio, until
from tests.daemons.stage import start, state_folder, stop

from mailstack.aio import command
from mailstack.daemons.spamassassin import DAEMON as SPAMD
from mailstack.errors import MissingProgram
from mailstack.model.spamkey import plain_profile, training_profile

try:
    SPAMD.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOON = "See you at noon, and bring the drawings of the harbour with you."
HAM_WORDS = ("harbour", "drawing", "timber", "keel", "mast", "anchor", "tide", "quay", "ferry")
SPAM_WORDS = ("casino", "jackpot", "bonus", "roulette", "spins", "winner", "payout", "slots")
TRAINED, PLAIN = training_profile(ANNS), plain_profile(ANNS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Trio]:
    with state_folder() as state:
        async with trio(state) as running:
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def three(stage: Trio) -> AsyncIterator[Trio]:
    """The same three for every test, each with two fresh users."""
    for address in (ANN, BOB):
        await stage.write(f"users/{address}", USER)
    yield stage
    for address in (ANN, BOB):
        await stage.remove(f"users/{address}")
    keys = (ANNS, BOBS)
    await until(lambda: not any(path.name.startswith(keys) for path in stage.users.iterdir()))


def texts(words: tuple[str, ...], count: int, seed: int) -> list[bytes]:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    return [
        message(" ".join(chance.choices(words, k=40)), number=1000 * seed + number)
        for number in range(count)
    ]


async def train(
    three: Trio, owner: str, key: str, *, spam: tuple[str, ...], ham: tuple[str, ...]
) -> None:
    """Learn six of each kind: one more than the test's limit."""
    await three.prepare(owner)
    for seed, (words, is_spam) in enumerate(((ham, False), (spam, True)), 1):
        for text in texts(words, 6, seed):
            assert await three.tell(training_profile(key), text, spam=is_spam)


async def test_preferences_are_in_force_within_a_second(three: Trio) -> None:
    """From the write to a scan that obeys: threshold and rule of one user, and of no other."""
    wishes = {"threshold": 3.5, "rules": ["body USER_NOON /see you at noon/i"]}
    before = await three.score(ANNS, message(NOON))
    await three.write(f"users/{ANN}/spam", wishes)
    await until((three.users / ANNS / "user_prefs").exists)
    assert before[1] == 5.0
    assert (await three.score(ANNS, message(NOON)))[1] == 3.5
    assert "USER_NOON" in await three.rules(ANNS, message(NOON))
    assert "USER_NOON" not in await three.rules(BOBS, message(NOON))
    await three.remove(f"users/{ANN}/spam")
    await until(lambda: not (three.users / ANNS).exists())
    assert await three.score(ANNS, message(NOON)) == before


async def test_lists_and_languages(three: Trio) -> None:
    """Who is blocked is spam, who is allowed is not, and a language the user cannot read costs."""
    await three.write(
        f"users/{ANN}/spam", {"allow": ["*@friends.example.com"], "block": ["*@example.com"]}
    )
    await until((three.users / ANNS / "user_prefs").exists)
    friend = message(NOON, sender="zoe@friends.example.com")
    assert "USER_IN_WELCOMELIST" in await three.rules(ANNS, friend)
    assert "USER_IN_BLOCKLIST" in await three.rules(ANNS, message(NOON))
    german = message("Morgen treffen wir uns um zwölf Uhr am Hafen und besprechen alles. " * 8)
    await three.write(f"users/{BOB}/spam", {"languages": ["en"]})
    await until((three.users / BOBS / "user_prefs").exists)
    assert "UNWANTED_LANGUAGE_BODY" in await three.rules(BOBS, german)
    assert "UNWANTED_LANGUAGE_BODY" not in await three.rules(ANNS, german)


async def test_training_of_one_user_moves_no_other_user(three: Trio) -> None:
    """Once Ann's own database counts, her verdict on a message is another one than Bob's."""
    await train(three, ANN, ANNS, spam=SPAM_WORDS, ham=HAM_WORDS)
    await train(three, BOB, BOBS, spam=HAM_WORDS, ham=SPAM_WORDS)
    probe = texts(SPAM_WORDS, 1, 9)[0]
    assert not {"BAYES_99", "BAYES_00"} & await three.rules(ANNS, probe), "not in use yet"
    for owner, key in ((ANN, ANNS), (BOB, BOBS)):
        await three.write(f"users/{owner}/training", {"own_bayes": True, "runs": []})
        await until((three.users / key / "user_prefs").exists)
    assert "BAYES_99" in await three.rules(ANNS, probe)
    assert "BAYES_00" in await three.rules(BOBS, probe)
    assert "BAYES_99" in await three.rules(TRAINED, probe)
    assert not any(rule.startswith("BAYES") for rule in await three.rules(PLAIN, probe))


async def test_only_a_training_profile_learns(three: Trio) -> None:
    """A message told for any other profile, or for a user who is gone, gets into no database."""
    await three.write(f"users/{ANN}/spam", {"threshold": 4.0})
    await until((three.users / ANNS / "user_prefs").exists)
    for user in (ANNS, BOBS, training_profile(BOBS), PLAIN, "site", "root"):
        assert not await three.tell(user, message(NOON), spam=True)
    assert not list(three.users.rglob("db_toks.pag"))


async def test_what_was_learnt_is_told_copied_and_put_back(three: Trio) -> None:
    """A copy brings the database back to what it was, and the two newest copies are kept."""
    await train(three, ANN, ANNS, spam=SPAM_WORDS, ham=HAM_WORDS)
    copies = [(await three.ask("POST", f"/users/{ANNS}/snapshot")).json() for _ in range(3)]
    assert [copy["nham"] for copy in copies] == [6, 6, 6]
    poison = texts(HAM_WORDS, 1, 7)[0]
    assert await three.tell(TRAINED, poison, spam=True)
    found = (await three.ask("GET", f"/users/{ANNS}")).json()
    assert (found["nham"], found["nspam"]) == (6, 7)
    names = [copy["snapshot"] for copy in copies]
    assert [copy["name"] for copy in found["snapshots"]] == [names[2], names[1]]
    gone = await three.ask("POST", f"/users/{ANNS}/restore", {"snapshot": names[0]})
    assert gone.status_code == 404
    back = await three.ask("POST", f"/users/{ANNS}/restore", {"snapshot": names[1]})
    assert back.json() == {"nham": 6, "nspam": 6}
    assert (await three.ask("GET", f"/users/{ANNS}")).json()["nspam"] == 6
    assert await three.tell(TRAINED, poison, spam=True), "as it was never learnt"
    await three.ask("POST", f"/users/{ANNS}/forget")
    empty = (await three.ask("GET", f"/users/{ANNS}")).json()
    assert (empty["nham"], empty["nspam"], empty["snapshots"]) == (0, 0, [])
    assert await three.tell(TRAINED, poison, spam=True)


async def test_the_keeper_counts_as_spamassassin_does(three: Trio) -> None:
    """What is read from the file is what sa-learn says."""
    await train(three, ANN, ANNS, spam=SPAM_WORDS, ham=HAM_WORDS)
    found = (await three.ask("GET", f"/users/{ANNS}")).json()
    conf = three.spamd.site.paths.conf
    database = three.users / TRAINED / "bayes" / "db"
    argv = ["sa-learn", "--dump", "magic", f"--siteconfigpath={conf}", f"--dbpath={database}"]
    said = (await command.run(argv)).output
    counts = {line.split()[-1]: int(line.split()[2]) for line in said.splitlines()}
    assert (counts["nham"], counts["nspam"]) == (found["nham"], found["nspam"])
    assert counts["ntokens"] == found["tokens"]


async def test_copies_and_restores_amid_training_and_scans(three: Trio) -> None:
    """With two learning, two scanning, copies and restores at once, the database stays sound."""
    await train(three, ANN, ANNS, spam=SPAM_WORDS, ham=HAM_WORDS)
    await three.write(f"users/{ANN}/training", {"own_bayes": True, "runs": []})
    await until((three.users / ANNS / "user_prefs").exists)

    async def each(work: Callable[[bytes], object], seed: int) -> None:
        for text in texts(SPAM_WORDS, 12, seed):
            await work(text)  # type: ignore[misc]

    async def copy(_: bytes) -> None:
        answer = await three.ask("POST", f"/users/{ANNS}/snapshot")
        assert answer.status_code == 200, answer.text
        answer = await three.ask("POST", f"/users/{ANNS}/restore")
        assert answer.status_code == 200, answer.text

    async with asyncio.TaskGroup() as tasks:
        for seed in (20, 21):
            tasks.create_task(each(lambda text: three.tell(TRAINED, text, spam=True), seed))
            tasks.create_task(each(lambda text: three.rules(ANNS, text), seed))
        tasks.create_task(each(copy, 22))
    found = (await three.ask("GET", f"/users/{ANNS}")).json()
    assert not found["damaged"]
    assert found["nham"] == 6
    assert 6 <= found["nspam"] <= 30
    assert len(list((three.users / TRAINED).glob("[0-9]*"))) == 1


async def test_a_child_that_is_killed_while_it_learns(three: Trio) -> None:
    """Its lock goes with it, and the database is read and taught as before."""
    await train(three, ANN, ANNS, spam=SPAM_WORDS, ham=HAM_WORDS)
    for number, text in enumerate(texts(SPAM_WORDS, 6, 30)):
        learning = asyncio.create_task(three.tell(TRAINED, text, spam=True))
        await asyncio.sleep(0.02 * number)
        for child in children(three.spamd.pid):
            os.kill(child, signal.SIGKILL)
        with suppress(OSError):
            await learning
    await three.spamd.healthy()
    found = (await three.ask("GET", f"/users/{ANNS}")).json()
    assert (found["damaged"], found["nham"]) == (False, 6)
    assert await three.tell(TRAINED, texts(SPAM_WORDS, 1, 31)[0], spam=True)


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


@pytest.mark.parametrize("damage", ["garbage", "truncated", "missing"])
async def test_a_damaged_database_is_replaced_and_said_once(three: Trio, damage: str) -> None:
    """The last sound copy comes back, scans go on meanwhile, and the log has one line."""
    await train(three, ANN, ANNS, spam=SPAM_WORDS, ham=HAM_WORDS)
    await three.ask("POST", f"/users/{ANNS}/snapshot")
    await three.write(f"users/{ANN}/training", {"own_bayes": True, "runs": []})
    await until((three.users / ANNS / "user_prefs").exists)
    pages = three.users / TRAINED / "bayes" / "db_toks.pag"
    match damage:
        case "garbage":
            pages.write_bytes(b"\xa5\x5a" * 10_000)
        case "truncated":
            pages.write_bytes(pages.read_bytes()[:700])
        case _:
            pages.unlink()
    three.keeper.output.clear()
    await three.score(ANNS, message(NOON))
    assert (await three.ask("GET", f"/users/{ANNS}")).json()["damaged"]
    await three.keeper.says("was damaged")
    found = (await three.ask("GET", f"/users/{ANNS}")).json()
    assert (found["damaged"], found["nham"], found["nspam"]) == (False, 6, 6)
    assert "BAYES_99" in await three.rules(ANNS, texts(SPAM_WORDS, 1, 9)[0])
    assert sum("damaged" in line for line in three.keeper.output) == 1
    metrics = (await three.ask("GET", "/metrics")).text
    assert "mailstack_spam_databases_damaged_total 0.0" not in metrics


async def test_a_removed_user_leaves_nothing(three: Trio) -> None:
    """Database, copies, preferences and reputation go with the user."""
    await train(three, ANN, ANNS, spam=SPAM_WORDS, ham=HAM_WORDS)
    await three.ask("POST", f"/users/{ANNS}/snapshot")
    await three.write(f"users/{ANN}/training", {"own_bayes": True, "runs": []})
    await until((three.users / ANNS / "user_prefs").exists)
    await three.score(ANNS, message(NOON))
    assert (three.users / ANNS / "tx-reputation.pag").exists()
    await three.remove(f"users/{ANN}")
    await until(lambda: not [folder for folder, *_ in os.walk(three.users) if ANNS in folder])
    assert (await three.ask("POST", f"/users/{ANNS}/prepare", {"owner": ANN})).status_code == 404
    await three.write(f"users/{ANN}", USER)


async def test_what_happened_while_the_keeper_was_down(three: Trio) -> None:
    """Scans go on without it; when it is back, the removed are gone and the new are in force."""
    await train(three, ANN, ANNS, spam=SPAM_WORDS, ham=HAM_WORDS)
    keeper = three.keeper
    await stop(keeper.processes[0])
    await three.remove(f"users/{ANN}")
    await three.write(f"users/{BOB}/spam", {"threshold": 7.5})
    assert (await three.score(BOBS, message(NOON)))[1] == 5.0
    keeper.processes[0] = await start(keeper.daemon.commands(keeper.site)[0])
    await keeper.healthy()
    assert not (three.users / TRAINED).exists()
    assert (await three.score(BOBS, message(NOON)))[1] == 7.5
    await three.write(f"users/{ANN}", USER)


async def test_who_may_ask(three: Trio) -> None:
    """Without the token nothing is told or done; a name that is no key is no page."""
    assert (await three.ask("GET", "/users/root")).status_code == 404
    assert (await three.ask("GET", "/users/..%2f..%2fx")).status_code == 404
    assert (await three.ask("DELETE", f"/users/{ANNS}")).status_code == 404
    assert (await three.ask("POST", f"/users/{ANNS}/snapshot")).status_code == 404
    wrong = await three.ask("POST", f"/users/{ANNS}/prepare", {"owner": BOB})
    assert (wrong.status_code, "not the key" in wrong.text) == (400, True)
    three_without = await three.ask("GET", f"/users/{ANNS}", token="x")
    assert three_without.status_code == 401
