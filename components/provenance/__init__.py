"""Provenance: what every artifact records of itself, and of the code that made it."""
