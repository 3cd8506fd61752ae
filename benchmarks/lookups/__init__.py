"""Lookups a second of couchmail, beside an epoll server in C that answers a constant."""
