"""A small internet of our own, and the demonstration that runs on it.

``addresses`` and ``records`` say what exists out there; ``outside`` is the process that plays it,
inside a network namespace; ``internet`` starts and removes it; ``client``, ``mailbox`` and
``throwaway`` are how the demo and the end-to-end tests use it.
"""
