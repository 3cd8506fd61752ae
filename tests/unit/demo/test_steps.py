"""Steps of a demonstration: in order, each keeping its error to itself."""

import pytest

from mailstack.demo.steps import NotProved, Result, Step, expect, walk


def _good(world: list[str]) -> str:
    world.append("good")
    return "it\n  worked"


def _bad(_: list[str]) -> str:
    raise NotProved("it did not", advice="look at the log")


def _broken(_: list[str]) -> str:
    raise KeyError("key")


def _walk(*steps: Step[list[str]]) -> tuple[list[str], list[Result]]:
    world: list[str] = []
    began: list[str] = []
    results = list(walk(steps, world, begin=lambda step: began.append(step.title)))
    assert began == [result.title for result in results if result.tried]
    return world, results


def test_an_error_does_not_end_the_others() -> None:
    """A failed step is one line, whatever was raised in it, and the next one runs."""
    world, results = _walk(
        Step("a", "", _bad), Step("b", "", _broken), Step("c", "proves c", _good)
    )
    assert world == ["good"]
    assert [(r.succeeded, r.detail) for r in results] == [
        (False, "it did not; look at the log"),
        (False, "KeyError: 'key'"),
        (True, "it worked"),
    ]


def test_what_needs_a_failed_step_is_not_tried() -> None:
    """After the failure of an essential step the rest is named, and counts as failed."""
    world, results = _walk(Step("a", "", _bad, essential=True), Step("b", "", _good))
    assert world == []
    assert [(r.title, r.tried, r.succeeded) for r in results] == [
        ("a", True, False),
        ("b", False, False),
    ]


def test_expect_says_what_was_found_instead() -> None:
    """A proof that fails names what it saw."""
    expect(that=True, otherwise="never said")
    with pytest.raises(NotProved, match="it was 250"):
        expect(that=False, otherwise="it was 250")
