"""Which generated file is written by which function."""

from collections.abc import Callable, Mapping

from mailstack.generate.api_page import api_page
from mailstack.generate.cli_page import cli_page
from mailstack.generate.examples import examples
from mailstack.generate.metrics_page import metrics_page
from mailstack.generate.picture import picture
from mailstack.generate.settings_page import settings_page
from mailstack.generate.topology_page import topology_page

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/settings.md": settings_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/topology.md": topology_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/api.md": api_page,
    "docs/topo.svg": picture,
    **examples(),
}
"""Path from the repository's root → its text. Every function is pure: same code, same text."""
