"""Alert rules ask for metrics that exist, by labels that they have, and say what to do."""

import re
from typing import Any

import pytest
import yaml
from tests.architecture.source import ROOT

from mailstack.doctor.registry import CHECKS
from mailstack.generate.metrics_page import metrics

FOLDER = ROOT / "monitoring"
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
KNOWN = {metric.name: {*metric.labels, ""} for metric in metrics()}
SERIES = re.compile(r"\b((?:mailstack|couchmail)_\w+)(?:\{([^}]*)\})?")
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))


@each_rule
def test_what_is_asked_for_exists(rule: dict[str, Any]) -> None:
    """A rule about a metric that nobody has would never fire."""
    series = SERIES.findall(rule["expr"])
    assert series
    for name, matchers in series:
        assert name in KNOWN
        assert {part.partition("=")[0].rstrip("!") for part in matchers.split(",")} <= KNOWN[name]


@each_rule
def test_it_says_what_to_do(rule: dict[str, Any]) -> None:
    """Who is woken at night reads one line of what, and one of what now."""
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith((".", "?"))


@each_rule
def test_it_stands_in_the_how_to(rule: dict[str, Any]) -> None:
    """The page lists every alert, with its severity."""
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    assert f"| {rule['alert']} ({rule['labels']['severity']}) |" in page


def test_tested_alerts_exist() -> None:
    """The cases for promtool are about rules that are there, and checks that the doctor has."""
    text = (FOLDER / "alerts-test.yaml").read_text()
    names = {rule["alert"] for rule in RULES}
    assert set(re.findall(r"alertname: (\w+)", text)) <= names
    assert set(re.findall(r'check="([\w.]+)"', text)) <= {entry.key for entry in CHECKS}
