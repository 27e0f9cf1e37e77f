"""Holds what an approximate index finds, and how fast, against the ranking of all candidates."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np

from components.index_validator.loaded_model import CheckFailedError, LoadedModel
from components.serving import interface

# Calls of each kind that are timed, one after the other; the first of each is not.
_CALLS = 15
_HISTORIES = 100
_EVENTS = 3


def check_recall(model: LoadedModel) -> str:
    """Lists have what exact lists have: all of it by brute force, else enough on average."""
    signature, asked = _requests(model)
    given, exact = (
        model.ask(signature, **asked, **{interface.EXACT: [is_exact]}) for is_exact in (False, True)
    )
    name = model.manifest.candidate_id
    if not np.array_equal(given[interface.COUNT], exact[interface.COUNT]):
        raise CheckFailedError("a list is not as long as the exact one")
    shares = [
        np.isin(wanted[:count], listed).mean()
        for wanted, listed, count in zip(
            exact[name], given[name], exact[interface.COUNT], strict=True
        )
    ]
    recall, least = float(np.mean(shares)), 1.0 if model.is_exact else model.bounds.min_recall
    told = f"{model.kind} has {recall:.3f} of the exact lists of {len(shares)} requests"
    if not recall >= least:
        raise CheckFailedError(f"{told}, below {least:.3f}")
    return f"{told}, not below {least:.3f}"


def check_latency(model: LoadedModel) -> str:
    """A list takes no longer than ranking all candidates does, by alternating calls."""
    if model.is_exact:
        return "all candidates are ranked, which nothing is faster to be held against"
    signature, asked = _requests(model)
    one = {name: values[:1] for name, values in asked.items()}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for is_exact in itertools.chain.from_iterable([(False, True)] * (_CALLS + 1)):
        began = time.perf_counter()
        model.ask(signature, **one, **{interface.EXACT: [is_exact]})
        seconds[is_exact].append(time.perf_counter() - began)
    given, exact = (float(np.median(seconds[is_exact][1:])) for is_exact in (False, True))
    told = f"{model.kind} takes {given / exact:.2f} of the {exact * 1e3:.2f} ms of an exact list"
    if not given <= exact * model.bounds.max_latency_ratio:
        raise CheckFailedError(f"{told}, above {model.bounds.max_latency_ratio:.2f}")
    return f"{told}, not above {model.bounds.max_latency_ratio:.2f}"


def _requests(model: LoadedModel) -> tuple[str, dict[str, list[Any]]]:
    """A signature, and requests for it: of known queries, or by events where none are known."""
    if model.manifest.seen_table:
        return interface.RECOMMEND_SIGNATURE, {model.manifest.query_id: model.golden_ids()}
    ids = model.ask(interface.INDEX_SIGNATURE)[model.manifest.candidate_id]
    # Somebody who likes a candidate and what is nearest to it; the popular candidates come first.
    liked = ids[: min(_HISTORIES, len(ids))].tolist()
    asked = {interface.ITEM: liked, interface.K: [min(_EVENTS - 1, len(ids))]}
    near = model.ask(interface.SIMILAR_SIGNATURE, **asked)[model.manifest.candidate_id]
    histories = [[one, *others] for one, others in zip(liked, near.tolist(), strict=True)]
    return interface.HISTORY_SIGNATURE, {interface.EVENTS: histories}
