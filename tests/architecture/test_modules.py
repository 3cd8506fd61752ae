"""What every module has, and what none has."""

import ast
from importlib import import_module

import pytest
from tests.architecture.source import ROOT, SRC, modules

MAX_LINES = 320
"""House style is 80 to 250; a table or one state machine may be longer, and says that it is."""

TESTS = sorted(ROOT.glob("tests/**/test_*.py"))


@pytest.mark.parametrize("module", [name for name, tree in modules().items() if tree.body])
def test_a_module_says_what_it_is(module: str) -> None:
    """The first thing in a module is a docstring, so that a newcomer need not guess."""
    assert ast.get_docstring(modules()[module])


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_is_one_concept(module: str) -> None:
    """A file that grew long holds two concepts, unless its docstring says why it is one."""
    text = (SRC / module).read_text()
    assert len(text.splitlines()) <= MAX_LINES or "Longer than most files" in text


@pytest.mark.parametrize(
    "module", [name for name, tree in modules().items() if "__all__" in ast.dump(tree)]
)
def test_exported_names_exist(module: str) -> None:
    """What a module says it exports can be imported from it."""
    dotted = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    imported = import_module(f"mailstack.{dotted}")
    assert [name for name in imported.__all__ if not hasattr(imported, name)] == []


def test_the_tree_of_errors_is_drawn_whole() -> None:
    """Every error class stands in the drawing at the top of errors.py."""
    tree = modules()["errors.py"]
    drawing = ast.get_docstring(tree) or ""
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert [name for name in classes if name not in drawing] == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_a_test_says_its_behaviour(path: object) -> None:
    """Every test has a docstring: the behaviour in one sentence."""
    tree = ast.parse(path.read_text())  # type: ignore[attr-defined]
    silent = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent


def test_nothing_runs_a_shell() -> None:
    """Every command is an argument list: no text of a stranger is ever parsed as one."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        if any(k.arg == "shell" for k in node.keywords)
        or (isinstance(node.func, ast.Attribute) and node.func.attr in _SHELLS)
    ]
    assert not found


_SHELLS = {"create_subprocess_shell", "system", "popen", "getoutput", "getstatusoutput"}
