"""The configuration in the dialect of Dovecot 2.4 (Debian 13, Alpine)."""

from mailstack.daemons.contract import Files, Site


def render(site: Site) -> Files:
    raise NotImplementedError
