"""Measurements of speed and memory; `README.md` lists them. Run each with `python -m`."""

import os

# TensorFlow Recommenders needs Keras 2, which has to be asked for before TensorFlow is imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
