"""Makes the index that is asked for, or the one that fits the catalogue.

Shapes: N candidates, W width of a vector, Q requests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from components.serving import lists, ranking
from components.serving.indexes.index import BruteForce, Index
from components.serving.indexes.inverted_lists import InvertedLists
from components.serving.indexes.ivf import InvertedFile
from components.serving.indexes.options import (
    AUTO,
    BRUTE_FORCE,
    IVF,
    MOST_FOR_BRUTE_FORCE,
    SCANN,
    IndexOptions,
)
from components.serving.indexes.scann import Scann
from components.serving.interface import SERVED
from components.serving.scorers import VectorScorer

# What lists are chosen to reach above the bound, for requests that they were not chosen on.
_MARGIN = 0.01
# Share of the lists that may be read: with more, reading them takes as long as ranking everything.
_MOST_PROBES = 0.03
_SPREADS = (0.0, 0.5, 1.0, 2.0)
# ScaNN's tree has this times the root of N leaves, of which one of these shares is searched.
_LEAVES = 2
_SHARES_OF_LEAVES = (0.02, 0.05, 0.1, 0.2, 0.4)
# Scores that are held at once: 64 MB.
_MOST_SCORES = 1 << 24


@dataclasses.dataclass(frozen=True)
class Requests:
    """Requests as they may come, to make an index for.

    Attributes:
        vectors: Their vectors [Q, W], float32; the first of whom nothing is known.
        seen: Candidates that each leaves out [Q, any], int64.
        most_seen: Most candidates that any request for a known query leaves out.
    """

    vectors: np.ndarray
    seen: tf.RaggedTensor
    most_seen: int

    def halves(self) -> tuple[Requests, Requests]:
        """The first half, to make an index for, and the others, to measure it with.

        The first request, of whom nothing is known, is in both: it is the most frequent of all.
        """
        middle = len(self.vectors) // 2
        others = [0, *range(middle, len(self.vectors))]
        return (
            Requests(self.vectors[:middle], self.seen[:middle], self.most_seen),
            Requests(self.vectors[others], tf.gather(self.seen, others), self.most_seen),
        )


@dataclasses.dataclass(frozen=True)
class Choice:
    """An index and how it came to be.

    Attributes:
        index: The index.
        kind: What it is: `brute_force`, `ivf` or `scann`.
        reason: Why it is that, in one sentence.
        recall: Share of the exact lists of 100 that its lists have, on requests that it was not
            made for; 1 where it is exact.
        parameters: What was chosen of it.
    """

    index: Index
    kind: str
    reason: str
    recall: float = 1.0
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """All of it but the index, for the manifest."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "recall_at_100": round(self.recall, 4),
            **self.parameters,
        }


def choose(scorer: VectorScorer, sample: Callable[[], Requests], options: IndexOptions) -> Choice:
    """Makes an index; brute force where another cannot reach the recall.

    Args:
        scorer: What scores candidates.
        sample: Gives requests, half of them to make it for and half of them to measure it with.
        options: What it has to be.

    Raises:
        IndexUnavailableError: ScaNN is asked for and cannot be loaded.
    """
    candidates = scorer.candidate_vectors.shape[0]
    if options.kind == BRUTE_FORCE:
        return Choice(BruteForce(scorer, candidates), BRUTE_FORCE, "it is what was asked for")
    if options.kind == AUTO and candidates <= MOST_FOR_BRUTE_FORCE:
        reason = f"{candidates:,} candidates are not above {MOST_FOR_BRUTE_FORCE:,}"
        return Choice(BruteForce(scorer, candidates), BRUTE_FORCE, reason)
    if options.kind == SCANN:
        return _scann(scorer, candidates, sample(), options)
    return _ivf(scorer, candidates, sample(), options)


def _ivf(
    scorer: VectorScorer, candidates: int, requests: Requests, options: IndexOptions
) -> Choice:
    made_for, measured = requests.halves()
    inverted_lists = InvertedLists.of(scorer.candidate_vectors.numpy(), made_for.vectors)
    exact = exact_lists(scorer, candidates, measured)
    most = int(_MOST_PROBES * len(inverted_lists.means))
    target = min(options.min_recall + _MARGIN, 1.0)
    # Which spread needs the fewest lists.
    needed = {
        spread: inverted_lists.probes_needed(measured.vectors, exact, spread) for spread in _SPREADS
    }
    probes, spread = min((_probes(turns, target), spread) for spread, turns in needed.items())
    probes = max(probes, inverted_lists.always + 1)
    lists_told = f"{len(inverted_lists.means):,} lists"
    if probes > most:
        reached = float(np.mean(needed[spread] <= most))
        return Choice(
            BruteForce(scorer, candidates),
            BRUTE_FORCE,
            f"ivf reaches a recall of {reached:.3f} with {most:,} of {lists_told}, not "
            f"{target:.3f}",
        )
    recall = float(np.mean(needed[spread] <= probes))
    return Choice(
        InvertedFile(scorer, candidates, inverted_lists, probes, spread, requests.most_seen),
        IVF,
        f"{probes:,} of {lists_told} have a recall of {recall:.3f}, not below {target:.3f}",
        recall,
        {"lists": len(inverted_lists.means), "probes": probes, "spread": spread},
    )


def _scann(
    scorer: VectorScorer, candidates: int, requests: Requests, options: IndexOptions
) -> Choice:
    _, measured = requests.halves()
    leaves = max(1, int(_LEAVES * np.sqrt(candidates)))
    index = Scann(scorer, candidates, leaves, leaves, requests.most_seen)
    exact = exact_lists(scorer, candidates, measured)
    target = min(options.min_recall + _MARGIN, 1.0)
    for share in _SHARES_OF_LEAVES:
        index.searched = max(1, int(share * leaves))
        recalls = _recalls(index, measured, exact)
        recall = float(recalls[1:].mean())
        if recall >= target and recalls[0] >= options.min_recall:
            reason = (
                f"{index.searched:,} of {leaves:,} leaves have a recall of {recall:.3f}, not below "
                f"{target:.3f}"
            )
            return Choice(
                index, SCANN, reason, recall, {"leaves": leaves, "searched": index.searched}
            )
    return Choice(
        BruteForce(scorer, candidates),
        BRUTE_FORCE,
        f"scann reaches a recall of {recall:.3f} with {index.searched:,} of {leaves:,} leaves, not "
        f"{target:.3f}",
    )


def _recalls(index: Index, requests: Requests, exact: np.ndarray) -> np.ndarray:
    """Share of each exact list that the index finds [Q]."""
    found = index.best(
        tf.constant(requests.vectors),
        tf.fill([len(exact)], exact.shape[1]),
        requests.seen,
        tf.constant([False]),
    )
    pairs = zip(found.position.numpy(), exact, strict=True)
    return np.array([np.isin(wanted, listed).mean() for listed, wanted in pairs])


def _probes(needed: np.ndarray, recall: float) -> int:
    """Fewest lists that find a share of what is wanted."""
    return int(np.sort(needed, axis=None)[int(np.ceil(recall * needed.size)) - 1])


def exact_lists(scorer: VectorScorer, candidates: int, requests: Requests) -> np.ndarray:
    """Positions of the best candidates of each request [Q, min(`SERVED`, N)], without the seen."""
    at_once = max(1, _MOST_SCORES // candidates)
    length = tf.constant(min(SERVED, candidates))
    found = []
    for start in range(0, len(requests.vectors), at_once):
        some = slice(start, start + at_once)
        scores = scorer.scores(tf.constant(requests.vectors[some]), 0, candidates)
        scores = ranking.exclude(scores, requests.seen[some])
        found.append(lists.top_k(scores, length)[1].numpy())
    return np.concatenate(found)
