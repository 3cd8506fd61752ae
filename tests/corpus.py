"""A user's mail, made up: as much ham and spam as wanted, always the same for the same seed.

The texts are put together from templates and vocabularies of our own. Each persona has subjects of
its own, so that what is ordinary for one user is not for another. Of the spam, some is loud (what
every SpamAssassin finds), and some is quiet: polite, tidy, with few rules against it. That is where
training shows.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

BEGIN: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""Of every corpus; each message is some minutes younger than the one before."""

HAM_IN_HTML: Final = 0.1
SPAM_QUEUED_LONG: Final = 0.85
"""Of the spam lay for hours in the queue of whoever sends millions."""

FIRST: Final = (
    "Ada", "Bruno", "Carla", "Dario", "Elif", "Femke", "Goran", "Hanna", "Ivo", "Jana", "Karim",
    "Lotte", "Milan", "Noor", "Otto", "Petra", "Quirin", "Rosa", "Samir", "Tilda", "Ulf", "Vera",
    "Wim", "Xenia", "Yara", "Zoe",
)  # fmt: skip
LAST: Final = (
    "Abt", "Baker", "Conti", "Dijkstra", "Ek", "Fabri", "Groen", "Holm", "Ivic", "Jansen", "Kerr",
    "Lund", "Moretti", "Novak", "Olsen", "Prins", "Quist", "Rossi", "Sauer", "Tamm", "Unger", "Vos",
    "Weber", "Young", "Zeman", "Zwart",
)  # fmt: skip
PLACES: Final = (
    "the boat house", "the library", "room 12", "the old mill", "Utrecht", "the harbour",
    "the café", "the workshop", "Lund", "the town hall", "the garden shed", "platform 4",
)  # fmt: skip
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Voice:
    """One way of writing: subjects and sentences with slots, and the words that fill them."""

    subjects: Sequence[str]
    sentences: Sequence[str]
    things: Sequence[str]
    closing: Sequence[str] = ("Best wishes", "See you", "Regards", "Yours", "Thanks")


GARDENER: Final = Voice(
    subjects=("Re: {thing} on {day}", "{thing} for the plot", "Watering plan", "Seeds: {thing}",
              "Minutes of {day}'s meeting", "Who has the key to {place}?"),
    sentences=(
        "The {thing} came up well this week, and the rain on {day} helped a lot.",
        "Could you bring the {thing} to {place} when you come on {day}?",
        "{first} has moved the compost next to {place}, so the barrow fits through again.",
        "I have pruned the {thing} and left the cuttings behind {place}.",
        "We agreed that everybody waters the {thing} once, and {first} keeps the list.",
        "Slugs got into the {thing} again; copper tape seems to help.",
        "{first} asks whether we share a load of manure, it is cheaper for two plots.",
        "The association wants the hedge by {place} below two metres until {day}.",
        "If it freezes on {day}, please cover the {thing} with the fleece from {place}.",
        "I counted {number} flowers on the {thing}, more than last year.",
    ),
    things=("tomatoes", "currant bushes", "beans", "leeks", "apple tree", "dahlias", "kale",
            "strawberries", "potatoes", "quince", "asparagus", "garlic"),
)  # fmt: skip
ENGINEER: Final = Voice(
    subjects=("Re: {thing} review", "[turbine] {thing} fails on {day}", "Build {number} is red",
              "Agenda for {day}", "Notes: {thing}", "Release {number} and the {thing}"),
    sentences=(
        "I reproduced the failure of the {thing} with build {number}; the trace is in the ticket.",
        "{first} will look at the {thing} on {day}, after the retrospective.",
        "Please rebase, the {thing} moved to its own module and the imports changed.",
        "The bearing temperature rose by {number} kelvin before the {thing} tripped.",
        "Could you add a regression test for the {thing} before we merge?",
        "Customers in {place} see the {thing} restart every {number} hours.",
        "The supplier promised new drawings of the {thing} until {day}.",
        "I would rather revert commit {number} than patch the {thing} twice.",
        "Load went down by a third since the {thing} caches its answers.",
        "The stand-up on {day} is moved to {place}; {first} brings the projector.",
    ),
    things=("gearbox", "scheduler", "pitch controller", "parser", "sensor bus", "inverter",
            "deployment script", "data logger", "hydraulic pump", "cache", "firmware",
            "test bench"),
)  # fmt: skip
PERSONAS: Final = {"gardener": GARDENER, "engineer": ENGINEER}

QUIET: Final = (
    Voice(  # a consultant nobody asked
        subjects=("Quick question about your website", "Following up on {thing}",
                  "An idea for your {thing}", "Partnership for {thing}",
                  "Your {thing} this quarter"),
        sentences=(
            "I came across your company and noticed that your {thing} could reach more prospects.",
            "Our specialists increased organic {thing} by {number} percent for similar businesses.",
            "Would a brief call on {day} suit you to discuss your {thing} roadmap?",
            "We guarantee first page rankings and a dedicated account executive for your {thing}.",
            "Competitors in your niche already outsource their {thing} to our offshore team.",
            "May I send a complimentary audit of your {thing} with {number} actionable insights?",
            "Kindly share the decision maker for {thing} so that I can forward a proposal.",
            "Our packages begin at {number} per month and scale with your {thing} growth.",
        ),
        things=("traffic", "backlinks", "lead generation", "conversion funnel", "brand visibility",
                "mobile app", "outreach", "keyword strategy", "ecommerce catalogue"),
        closing=("Warm regards, business development", "Sincerely, growth consultant"),
    ),
    Voice(  # a factory nobody asked
        subjects=("Supplier of {thing}", "Quotation for {thing}", "{thing} from the factory",
                  "New catalogue: {thing}"),
        sentences=(
            "We are a leading manufacturer of {thing} with {number} workers and export experience.",
            "Our {thing} carry certificates and ship from the port within {number} days.",
            "Please kindly advise your purchase plan of {thing}, the MOQ is {number} pieces.",
            "Attached price list of {thing} is valid until {day} including OEM logo printing.",
            "Dear purchasing manager, samples of customised {thing} are free of freight.",
            "Moulds for {thing} are made in house and inspected before every container loading.",
            "We sincerely hope for long term cooperation on {thing} with your esteemed firm.",
        ),
        things=("silicone gaskets", "LED panels", "packaging boxes", "injection moulds", "zippers",
                "stainless fasteners", "solar brackets", "lanyards", "ceramic tiles"),
        closing=("Sales department", "Export manager", "Looking forward to your enquiry"),
    ),
)  # fmt: skip
LOUD: Final = Voice(
    subjects=("YOU WON {number} MILLION", "Cheap {thing} ONLINE!!!", "URGENT: {thing} TRANSFER",
              "100% FREE {thing}", "Make money fast with {thing}"),
    sentences=(
        "CONGRATULATIONS!!! You have been selected to receive {number} million US dollars.",
        "Buy {thing} online without prescription, lowest price guaranteed, act now!!!",
        "I am the widow of a late bank director and seek a trusted foreign partner for {thing}.",
        "This is not a scam, 100% risk free, satisfaction guaranteed or money back.",
        "Click here to claim your {thing} today, limited time offer, order now.",
        "Please send your full name, bank account and telephone number for the fund transfer.",
        "Lose weight fast with {thing}, doctors hate it, while supplies last.",
    ),
    things=("Viagra", "Cialis", "lottery prize", "inheritance fund", "replica watches",
            "casino bonus"),
    closing=("ACT NOW!!!", "God bless you, Barrister", "Click below"),
)  # fmt: skip


class Corpus:
    """Messages of one user. Equal arguments make equal octets."""

    def __init__(self, address: str, persona: str, seed: int = 1) -> None:
        self._address = address
        self._voice = PERSONAS[persona]
        self._ham = random.Random(f"{seed}/{persona}/ham")  # noqa: S311 - to be repeated
        self._spam = random.Random(f"{seed}/{address}/spam")  # noqa: S311

    def ham(self, count: int) -> Iterator[bytes]:
        """Yield mail from people the user knows."""
        rng = self._ham
        for number in range(count):
            letter = self._written(rng, self._voice, _person(rng), f"h{number}", number)
            yield _finished(letter, _html(rng, letter) if rng.random() < HAM_IN_HTML else None)

    def spam(self, count: int, *, quiet: float = 0.8) -> Iterator[bytes]:
        """Yield mail nobody asked for; ``quiet`` is the share of it that few rules find."""
        rng = self._spam
        for number in range(count):
            voice = rng.choice(QUIET) if rng.random() < quiet else LOUD
            letter = self._written(rng, voice, _stranger(rng), f"s{number}", number)
            if rng.random() < SPAM_QUEUED_LONG:
                del letter["Date"]
                at = BEGIN + timedelta(minutes=17 * number) - timedelta(hours=rng.randint(7, 11))
                letter["Date"] = format_datetime(at)
            yield _finished(letter, _html(rng, letter))

    def quiet(self, count: int) -> Iterator[bytes]:
        """Yield spam that few rules find, and no other."""
        return self.spam(count, quiet=1.0)

    def _written(
        self, rng: random.Random, voice: Voice, sender: str, name: str, age: int
    ) -> EmailMessage:
        at = format_datetime(BEGIN + timedelta(minutes=17 * age))
        message = EmailMessage(policy=SMTP)
        host = sender.rpartition("@")[2].rstrip(">")
        client = f"mail.{host} [11.7.{rng.randrange(256)}.{rng.randrange(1, 250)}]"
        message["Received"] = (
            f"from mail.{host} ({client}) by mx.home.example (Postfix) with ESMTPS "
            f"id {rng.getrandbits(40):X}; {at}"
        )
        message["From"] = sender
        message["To"] = self._address
        message["Subject"] = _filled(rng, voice, rng.choice(voice.subjects))
        message["Date"] = at
        message["Message-ID"] = f"<{name}.{rng.getrandbits(48):x}@{host}>"
        message.set_content("\n\n".join(_paragraphs(rng, voice, sender)) + "\n")
        return message


def _finished(letter: EmailMessage, html: str | None) -> bytes:
    if html is not None:
        letter.set_content(html, subtype="html")
    return letter.as_bytes()


def _html(rng: random.Random, letter: EmailMessage) -> str:
    colour = rng.choice(("#333", "#222244", "#111"))
    paragraphs = letter.get_content().split("\n\n")
    body = "".join(f"<p style='color:{colour}'>{one}</p>\n" for one in paragraphs)
    return f"<html><body>\n{body}</body></html>\n"


def _paragraphs(rng: random.Random, voice: Voice, sender: str) -> Iterator[str]:
    yield rng.choice(("Hello,", "Dear all,", "Hi,", "Good morning,"))
    chosen = rng.sample(voice.sentences, rng.randint(3, 6))
    for start in range(0, len(chosen), 2):
        yield " ".join(_filled(rng, voice, one) for one in chosen[start : start + 2])
    yield f"{rng.choice(voice.closing)}\n{sender.partition(' <')[0]}"


def _filled(rng: random.Random, voice: Voice, text: str) -> str:
    return text.format(
        thing=rng.choice(voice.things),
        day=rng.choice(DAYS),
        place=rng.choice(PLACES),
        first=rng.choice(FIRST),
        number=rng.randint(2, 900),
    )


def _person(rng: random.Random) -> str:
    """One of some dozen people the user knows."""
    first = rng.choice(FIRST[:18])
    last = LAST[FIRST.index(first)]
    return f"{first} {last} <{first.lower()}.{last.lower()}@friend.example>"


def _stranger(rng: random.Random) -> str:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    domain = f"{rng.choice(('best', 'prime', 'top', 'global'))}{rng.randrange(10_000)}.example"
    return f"{first} {last} <{first.lower()}{rng.randrange(100)}@{domain}>"
