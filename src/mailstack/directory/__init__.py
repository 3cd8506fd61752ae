"""Mail rules over a store: every lookup ends in Found, NotFound or Unavailable."""

from mailstack.directory.directory import Directory, Login

__all__ = ["Directory", "Login"]
