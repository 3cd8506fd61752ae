"""For every test: what a skip is on the build machine, figures for people, tests side by side.

With CI=true a skipped test is a failed test.

A test that needs a real daemon skips where that daemon is missing, and says so. The build machine
has all of them, so a skip there means that something was not tested.

With ``-n 2`` the tests run in two processes, each of which takes whole streams (tests/streams.py).
"""

import os
from collections.abc import Callable, Generator
from typing import Any

import pytest

ON_THE_BUILD_MACHINE = os.environ.get("CI") == "true"
_FIGURE = "figure"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into its failure."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into its failure."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if ON_THE_BUILD_MACHINE and report.outcome == "skipped":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped where every test must run: {reason}"


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Show a figure at the end of the run. What a shared machine measures is no reason to fail."""
    return lambda figure: request.node.user_properties.append((_FIGURE, figure))


# The name of the type is younger than Debian 13's pytest.
def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Print the figures, which came with the tests' reports, if need be from another process."""
    done = [report for reports in terminalreporter.stats.values() for report in reports]
    calls = (one for one in done if isinstance(one, pytest.TestReport) and one.when == "call")
    figures = [text for one in calls for kind, text in one.user_properties if kind == _FIGURE]
    if figures:
        terminalreporter.section("measured")
        for figure in figures:
            terminalreporter.line(str(figure))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """In a worker, keep paths as short as without workers: sockets are bound below them."""
    if hasattr(config, "workerinput"):
        config.option.basetemp = None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401
    """Keep together what would meet on the machine."""
    from tests.streams import scheduler  # noqa: PLC0415 - not where this file stands alone

    return scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker, begin with what takes long."""
    if hasattr(config, "workerinput"):
        from tests.streams import streams_first  # noqa: PLC0415

        streams_first(items)
