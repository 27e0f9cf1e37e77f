"""What each request of a batch is really served, and whether evaluated ranks agree with it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa

from components.datasets.definition import DatasetDefinition
from components.evaluator.catalogue import Catalogue
from components.examples import parquet
from components.examples.columns import HISTORY, HISTORY_TIMES, SEEN_CANDIDATES
from components.serving import interface
from components.serving.asking import ask
from components.serving.indexes.options import BRUTE_FORCE
from components.serving.manifest import Manifest
from components.serving.ranking import MISS

# Two graphs may round one product differently: scores as close as this may stand in any order.
RELATIVE_TOLERANCE = 1e-4
# Serving holds the scores of its whole batch: 64 MB.
_MOST_SCORES = 1 << 24
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """How a model has to be asked, by its own manifest.

    Attributes:
        is_exact: Whether it ranks all candidates for every list.
        knows_events: Whether it knows the train events of its queries.
    """

    is_exact: bool = True
    knows_events: bool = True

    @classmethod
    def read(cls, folder: str) -> ServedModel:
        """Of a SavedModel; a peer, which has no manifest, ranks all and knows the events.

        Raises:
            ManifestError: There is a manifest that cannot be read.
        """
        if not Manifest.exists(folder):
            return cls()
        manifest = Manifest.read(folder)
        return cls(manifest.index["kind"] == BRUTE_FORCE, manifest.seen_table)


@dataclasses.dataclass(frozen=True)
class ServedLists:
    """Lists that the serving signature gives out.

    Attributes:
        numbers: Catalogue numbers [D, K], int64, best first; -1 where a place is empty or holds
            what the catalogue does not have under this id and title.
        scores: Scores [D, K], float32.
    """

    numbers: np.ndarray
    scores: np.ndarray

    @classmethod
    def ask(
        cls,
        model: Any,
        requests: pa.RecordBatch,
        by_events: bool,
        exact: bool,
        catalogue: Catalogue,
        definition: DatasetDefinition,
    ) -> ServedLists:
        """Asks a loaded SavedModel for the lists of requests.

        As a server would be asked: by who asks and when; or by the events themselves, where the
        model cannot know them: those after its training, or any.

        Args:
            model: The SavedModel.
            requests: Eval rows [D].
            by_events: Whether to ask by events.
            exact: Whether to have all candidates ranked, which an approximate index may not do.
            catalogue: The catalogue, to recognise candidates by.
            definition: The dataset's definition.
        """
        signature = model.signatures[interface.list_signature(by_events)]
        numbers, scores = [], []
        at_once = max(1, _MOST_SCORES // len(catalogue))
        for start in range(0, len(requests), at_once):
            part = requests.slice(start, at_once)
            inputs = {
                interface.EXACT: [exact],
                interface.REQUEST_TIME: parquet.column(part, definition.event_time)
                .flatten()
                .to_numpy(),
                **(_events(part, catalogue, definition) if by_events else _query(part, definition)),
            }
            for feature in signature.structured_input_signature[1].keys() - inputs.keys():
                if feature not in interface.DEFAULTS:
                    inputs[feature] = _feature(parquet.column(part, feature))
            answer = ask(signature, inputs)
            ids = answer[definition.candidate_id]
            found = catalogue.numbers_of_entries(
                ids.ravel(), answer[definition.candidate_title].ravel()
            )
            # Where no list is full, all are shorter.
            left = [(0, 0), (0, min(interface.SERVED, len(catalogue)) - ids.shape[1])]
            numbers.append(np.pad(found.reshape(ids.shape), left, constant_values=-1))
            lowest = np.finfo(np.float32).min
            scores.append(np.pad(answer[interface.SCORE], left, constant_values=lowest))
        return cls(np.concatenate(numbers), np.concatenate(scores))

    def recall(self, exact: ServedLists) -> np.ndarray:
        """Share of each exact list that is served [D], float64; 1 of an empty one.

        Args:
            exact: The exact lists of the same requests.
        """
        is_wanted = exact.numbers >= 0
        is_served = (exact.numbers[:, :, None] == self.numbers[:, None, :]).any(axis=2)
        wanted = is_wanted.sum(axis=1)
        served = (is_wanted & is_served).sum(axis=1)
        return np.where(wanted > 0, served / np.maximum(wanted, 1), 1.0)

    def differ(
        self, request: np.ndarray, number: np.ndarray, unseen_rank: np.ndarray
    ) -> np.ndarray:
        """Whether a row's rank is not the place of its candidate in the list served [B], bool.

        Args:
            request: Which of the D requests each row is [B].
            number: Catalogue number of each row's candidate [B]; negative if it has none.
            unseen_rank: Evaluated rank [B], int64; `MISS` for a candidate that must not be served.
        """
        with np.errstate(invalid="ignore", over="ignore"):  # a broken model scores infinities
            return self._differ(self.numbers[request], self.scores[request], number, unseen_rank)

    @staticmethod
    def _differ(
        numbers: np.ndarray, scores: np.ndarray, number: np.ndarray, unseen_rank: np.ndarray
    ) -> np.ndarray:
        length = numbers.shape[1]
        is_own = (numbers == number[:, None]) & (number >= 0)[:, None]
        is_served = is_own.any(axis=1)
        own = scores[np.arange(len(number)), is_own.argmax(axis=1)]
        slack = RELATIVE_TOLERANCE * np.maximum(np.abs(own), 1.0)
        ahead = np.sum(scores > (own + slack)[:, None], axis=1)
        not_behind = np.sum(scores >= (own - slack)[:, None], axis=1)
        # With equal scores to the end of the list there may be more of them beyond it.
        fits = (unseen_rank > ahead) & ((unseen_rank <= not_behind) | (not_behind == length))
        listed = (unseen_rank != MISS) & (unseen_rank <= length)
        at_rank = scores[np.arange(len(number)), np.clip(unseen_rank - 1, 0, length - 1)]
        ties_with_last = at_rank - scores[:, -1] <= RELATIVE_TOLERANCE * np.maximum(
            np.abs(at_rank), 1.0
        )
        return np.where(is_served, ~fits | (unseen_rank == MISS), listed & ~ties_with_last)


def _query(rows: pa.RecordBatch, definition: DatasetDefinition) -> dict[str, pa.Array]:
    queries = parquet.column(rows, definition.query_id).flatten()
    return {definition.query_id: queries.to_numpy(zero_copy_only=False)}


def _events(
    rows: pa.RecordBatch, catalogue: Catalogue, definition: DatasetDefinition
) -> dict[str, np.ndarray]:
    """Keys and times of all that each request has seen, as dense arrays [D, any].

    What is seen but in no history is of the time of the request itself or later, or was lost by a
    history that is full: with the request's own time it is left out of lists, but not read.
    """
    request, hashes = _listed(parquet.column(rows, HISTORY))
    times = parquet.column(rows, HISTORY_TIMES).flatten().to_numpy()
    seen_request, seen_hashes = _listed(parquet.column(rows, SEEN_CANDIDATES))
    only_seen = ~np.isin(_mixed(seen_request, seen_hashes), _mixed(request, hashes))
    own_time = parquet.column(rows, definition.event_time).flatten().to_numpy()
    request = np.concatenate([seen_request[only_seen], request])
    hashes = np.concatenate([seen_hashes[only_seen], hashes])
    times = np.concatenate([own_time[seen_request[only_seen]], times])
    order = np.argsort(request, kind="stable")
    lengths = np.bincount(request, minlength=len(rows))
    place = np.arange(len(order)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    keys = np.full((len(rows), lengths.max(initial=0)), b"", dtype=object)
    event_times = np.full(keys.shape, interface.UNKNOWN_TIME, np.int64)
    keys[request[order], place] = catalogue.keys_of_hashes(hashes[order])
    event_times[request[order], place] = times[order]
    return {interface.EVENTS: keys, interface.EVENT_TIMES: event_times}


def _listed(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Row and value of each element of a list column."""
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return np.repeat(np.arange(len(column)), lengths), column.flatten().to_numpy()


def _mixed(row: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """One number for each pair of a row and a 64-bit hash."""
    return row.astype(np.uint64) * _MULTIPLIER + hashes.view(np.uint64)


def _feature(column: pa.Array) -> np.ndarray:
    """The one value of each row [D]; where it is missing, what a caller gives for that."""
    is_text = pa.types.is_large_binary(column.type.value_type)
    missing = b"" if is_text else -1
    return np.array([values[0] if values else missing for values in column.to_pylist()])
