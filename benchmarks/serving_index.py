"""An index of many candidates beside the exact forms, in one process.

Prints one JSON line: seconds, CPU seconds and peak memory of the making, and milliseconds of
alternating calls of one request each that leaves 50 candidates out:
`matmul + top_k`, the best exact form that is served, and the index.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

_K = 100
_EXCLUDED = 50
_BYTES_PER_KIB = 1024


def measure(folder: Path, threads: int, calls: int) -> dict[str, Any]:
    """Makes an index of embeddings and holds it against exact lists.

    Args:
        folder: Where `benchmarks.embeddings` wrote them.
        threads: Of TensorFlow; 0 for one per core.
        calls: How often each is called.
    """
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    from benchmarks.alternating import milliseconds
    from benchmarks.embeddings import Embeddings
    from components.serving import lists, ranking
    from components.serving.indexes.choice import Requests, choose
    from components.serving.indexes.index import BruteForce, Index
    from components.serving.indexes.options import IndexOptions
    from components.serving.scorers import TowerScorer

    data = Embeddings.read(folder)
    candidates = len(data.candidates)
    scorer = TowerScorer(lambda context: context.query, data.candidates, data.biases, False, ())
    held_out, sampled = data.requests[1_024:], data.requests[:1_024]
    random = np.random.default_rng(1)
    seen = tf.constant(random.integers(candidates, size=[len(sampled), _EXCLUDED]))
    sample = Requests(sampled, tf.RaggedTensor.from_tensor(seen), _EXCLUDED)
    before, cpu = time.perf_counter(), time.process_time()
    choice = choose(scorer, lambda: sample, IndexOptions("ivf"))
    made = time.perf_counter() - before, time.process_time() - cpu
    excluded = tf.RaggedTensor.from_tensor(tf.constant(seen[:1]))

    def finder(index: Index) -> Any:
        @tf.function(autograph=False)
        def find(vectors: tf.Tensor) -> lists.Lists:
            return index.best(vectors, tf.constant([_K]), excluded, tf.constant([False]))

        return find

    @tf.function(autograph=False)
    def plain(vectors: tf.Tensor) -> Any:
        scores = tf.matmul(vectors, scorer.candidate_vectors, transpose_b=True)
        return tf.math.top_k(ranking.exclude(scores, excluded), _K)

    exact, index = finder(BruteForce(scorer, candidates)), finder(choice.index)
    asked = [tf.constant(vector[None]) for vector in held_out]
    shares = [
        np.isin(exact(vectors).position.numpy(), index(vectors).position.numpy()).mean()
        for vectors in asked[:200]
    ]
    return {
        "choice": choice.described(),
        "seconds": made[0],
        "cpu_seconds": made[1],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_PER_KIB,
        "recall": float(np.mean(shares)),
        "milliseconds": milliseconds(
            {
                "matmul + top_k": lambda call: plain(asked[call]),
                "exact": lambda call: exact(asked[call]),
                "index": lambda call: index(asked[call]),
            },
            calls,
        ),
    }


if __name__ == "__main__":
    _, embeddings, most_threads, rounds = sys.argv
    print(json.dumps(measure(Path(embeddings), int(most_threads), int(rounds))))
