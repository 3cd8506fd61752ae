"""The content filter as a service: a program of ours, run like the daemons of others."""

from typing import Final

from mailstack.daemons.contentfilter.control import Contentfilter

DAEMON: Final = Contentfilter()
