"""Baseline of a new model where ML Metadata cannot be asked: what is served."""
