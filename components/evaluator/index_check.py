"""Holds what a model can serve at all against the catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.datasets.definition import DatasetDefinition
from components.evaluator.catalogue import Catalogue
from components.serving import interface

INDEX_DIFFERENCES = "index_differences"
UNUSABLE_VECTORS = "unusable_vectors"


def check_index(
    model: Any, catalogue: Catalogue, definition: DatasetDefinition
) -> dict[str, float]:
    """Counts what is wrong with a model's index.

    Args:
        model: A loaded SavedModel.
        catalogue: The catalogue.
        definition: The dataset's definition.

    Returns:
        `index_differences`: candidates of the catalogue that the index does not have under their
        id and title, and entries of the index that are no such candidate or the same one again.
        `unusable_vectors`: candidates whose vector's norm is zero, infinite or not a number.
    """
    index = model.signatures[interface.INDEX_SIGNATURE]()
    ids, titles = (
        index[name].numpy() for name in (definition.candidate_id, definition.candidate_title)
    )
    numbers = catalogue.numbers_of_entries(ids, titles)
    found = len(np.unique(numbers[numbers >= 0]))
    norms = index[interface.NORM].numpy()
    return {
        INDEX_DIFFERENCES: float(len(catalogue) - found + len(ids) - found),
        UNUSABLE_VECTORS: float(np.sum(~(np.isfinite(norms) & (norms > 0)))),
    }
