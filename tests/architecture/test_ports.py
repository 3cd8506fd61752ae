"""Numbers of ports stand in the declaration, and nowhere else."""

import ast
import re
from collections.abc import Iterator

import pytest
from tests.architecture.source import docstrings, modules, templates

from mailstack.topology.stack import STACK

DECLARATION = "topology/stack.py"
NUMBERS = sorted(
    {port.number for service in STACK.services for port in service.every_port}
    | set(STACK.internet_ports.values())
)
UNMISTAKABLE = 1024
"""A smaller number may be a count; in a text it is a port only where an address precedes it."""


def in_text(text: str) -> Iterator[str]:
    """Every place of a text that holds the number of a port."""
    for number in NUMBERS:
        before = r"(?<![\d.])" if number >= UNMISTAKABLE else r"(?<=[\w\]*][:@])"
        yield from (match[0] for match in re.finditer(rf"{before}{number}(?![\d.])", text))


@pytest.mark.parametrize("module", [name for name in modules() if name != DECLARATION])
def test_no_module_repeats_a_port(module: str) -> None:
    """A program asks the declaration (or its addresses) for a port, so that it can move."""
    tree = modules()[module]
    about = docstrings(tree)
    found = [
        f"line {node.lineno}: {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in about
        if (type(node.value) is int and node.value in NUMBERS and node.value >= UNMISTAKABLE)
        or (isinstance(node.value, str) and any(in_text(node.value)))
    ]
    assert not found


@pytest.mark.parametrize("template", sorted(templates()))
def test_no_template_repeats_a_port(template: str) -> None:
    """A configuration is rendered with the addresses of its links; a number would bypass them."""
    assert not list(in_text(templates()[template]))


def test_small_numbers_are_not_ports_in_calls() -> None:
    """Where a port is passed by name, it comes from the declaration even if it is well known."""
    found = [
        f"{name}:{node.value.lineno}"
        for name, tree in modules().items()
        if name != DECLARATION
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg is not None and "port" in node.arg
        if isinstance(node.value, ast.Constant) and node.value.value in NUMBERS
    ]
    assert not found


def test_the_searcher_finds_ports() -> None:
    """The test above would notice: addresses, numbers alone, and not parts of other numbers."""
    assert list(in_text("inet:127.0.0.1:8891 [host]:587 *:25")) == ["25", "587", "8891"]
    assert list(in_text("25 MiB, 18891, 88910, 1.8891, version 4:2")) == []
