"""Hashes of ids and keys that are equal in every process."""

from __future__ import annotations

import numpy as np
import pandas as pd


def stable_hash(strings: np.ndarray) -> np.ndarray:
    """64-bit hash of each string, equal in every process and on every machine.

    Args:
        strings: Array [n] of str or UTF-8 bytes objects; both forms of one string hash alike.

    Returns:
        Array [n] of uint64.
    """
    return pd.util.hash_array(strings, categorize=False)


def candidate_hash(keys: np.ndarray) -> np.ndarray:
    """The form in which Examples list candidates [n], int64, such as in `HISTORY`.

    Args:
        keys: Candidate keys [n], str or bytes objects.
    """
    return stable_hash(keys).view(np.int64)
