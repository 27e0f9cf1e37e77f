"""An approximate index by ScaNN, an extra: whoever serves it has to have its ops.

Shapes: B requests, N candidates, W width of a vector, D candidates that are looked up.
"""

from __future__ import annotations

import tensorflow as tf

from components.serving.indexes.approximate import ApproximateIndex
from components.serving.indexes.scann_ops import load_ops
from components.serving.interface import SERVED
from components.serving.scorers import VectorScorer

_DIMENSIONS_PER_BLOCK = 2
# Candidates whose exact scores are looked up, for each that is wanted.
_REORDERED = 4


class Scann(ApproximateIndex):
    """ScaNN's tree and asymmetric hashing (Guo et al. 2020), with exact scores of what they find.

    Args:
        scorer: What scores candidates.
        candidates: N.
        leaves: Leaves of the tree.
        searched: How many of them are searched.
        most_excluded: See `ApproximateIndex`.

    Raises:
        IndexUnavailableError: ScaNN cannot be loaded.
    """

    def __init__(
        self,
        scorer: VectorScorer,
        candidates: int,
        leaves: int,
        searched: int,
        most_excluded: int,
    ) -> None:
        super().__init__(scorer, candidates, most_excluded)
        self.searched = searched
        self._ops = load_ops()
        self._looked_up_at_most = min(SERVED + most_excluded, candidates)
        builder = self._ops.builder(
            scorer.candidate_vectors.numpy(), self._looked_up_at_most, "dot_product"
        )
        self.state = (
            builder.tree(leaves, searched, training_sample_size=min(candidates, 100 * leaves))
            .score_ah(_DIMENSIONS_PER_BLOCK, anisotropic_quantization_threshold=0.2)
            .reorder(min(_REORDERED * self._looked_up_at_most, candidates))
            .build()
            .serialize_to_module()
        )

    def look_up(self, vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `ApproximateIndex`."""
        found = self._ops.searcher_from_module(self.state).search_batched(
            vectors,
            final_num_neighbors=self._looked_up_at_most,
            leaves_to_search=self.searched,
        )
        # Where it finds fewer it fills up with what is not a number.
        is_one = tf.math.is_finite(found.distances)
        return found.distances, tf.where(is_one, found.indices, self._candidates)
