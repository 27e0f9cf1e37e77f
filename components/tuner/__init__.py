"""Tuner: a search for better hyperparameters of the two-tower model, judged by the valid split."""
