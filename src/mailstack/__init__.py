"""A mail system for people who run their own: one product on one machine or on Kubernetes."""

__version__ = "0.1.0"
