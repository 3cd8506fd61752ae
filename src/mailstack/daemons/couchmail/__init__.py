"""couchmail, run like any other daemon: rendered, checked, started, probed."""

from mailstack.daemons.couchmail.control import Couchmail

DAEMON = Couchmail()
