"""Resolver: which earlier model a new one is compared with."""
