"""Measurements beside their references; ``python -m benchmarks`` runs all of them."""
