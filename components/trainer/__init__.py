"""Trainer: the two-tower model, its training and what is exported for evaluation and serving."""
