"""The checks of the IndexValidator, in the order in which they run.

`python -m components.index_validator.checks FOLDER BOUNDS` runs them on a SavedModel, in a process
that loads nothing but TensorFlow, and prints the results as one line of JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.index_validator import index_checks
from components.index_validator.loaded_model import (
    UNKNOWN_QUERY,
    Bounds,
    CheckFailedError,
    LoadedModel,
)
from components.serving import golden, interface
from components.serving.indexes.errors import IndexUnavailableError
from components.serving.indexes.options import SCANN
from components.serving.manifest import ManifestError, checksums, signatures_of

# With one of them in the process, a model could be loadable here and nowhere else.
_NOT_LOADED = ("tensorflow_transform", "tensorflow_recommenders", "tfx")
_UNLOADABLE = (ManifestError, IndexUnavailableError, OSError, ValueError, tf.errors.OpError)
_TOLERANCE = 1e-5
_AT_ONCE = 256
_NOT_TEXT = b"\xff\xfe\x00query"


@dataclasses.dataclass(frozen=True)
class Check:
    """Result of a check.

    Attributes:
        check: Its name.
        passed: Whether the model passed.
        sentence: What was found, in words.
    """

    check: str
    passed: bool
    sentence: str


def _signatures(model: LoadedModel) -> str:
    expected, found = model.manifest.signatures, signatures_of(model.model)
    for name, names in expected.items():
        if found.get(name) != names:
            raise CheckFailedError(f"signature {name} has {found.get(name)}, not {names}")
    required = {
        interface.SERVING_SIGNATURE,
        interface.RECOMMEND_SIGNATURE,
        interface.HISTORY_SIGNATURE,
        interface.EVALUATION_SIGNATURE,
        interface.INDEX_SIGNATURE,
    }
    missing = sorted(required - found.keys())
    if missing:
        raise CheckFailedError(f"there is no signature {', '.join(missing)}")
    return f"{len(found)} signatures have the inputs and outputs of the manifest"


def _manifest(model: LoadedModel) -> str:
    manifest = model.manifest
    if manifest.interface_version != interface.INTERFACE_VERSION:
        raise CheckFailedError(
            f"its interface version is {manifest.interface_version}, not "
            f"{interface.INTERFACE_VERSION}"
        )
    found = checksums(model.folder)
    for path in sorted(found.keys() | manifest.files.keys()):
        if found.get(path) != manifest.files.get(path):
            raise CheckFailedError(f"{path} is not the file that the manifest has a checksum of")
    size = len(model.ask(interface.INDEX_SIGNATURE)[manifest.candidate_id])
    if size != manifest.catalogue_size:
        raise CheckFailedError(f"the index has {size} candidates, not {manifest.catalogue_size}")
    return f"{len(found)} files have their checksums, and the index {size} candidates"


def _golden(model: LoadedModel) -> str:
    queries = golden.read(model.folder)
    if not queries:
        raise CheckFailedError("there is no golden query")
    for query in queries:
        difference = query.differs(model.ask(query.signature, **query.inputs), _TOLERANCE)
        if difference:
            raise CheckFailedError(
                f"{query.signature} answers otherwise than at export: {difference}"
            )
    return f"{len(queries)} golden queries are answered as at export"


def _usual(model: LoadedModel) -> int:
    return min(interface.SERVED, model.manifest.catalogue_size)


def _unknown_query(model: LoadedModel) -> str:
    model.assert_lists(model.serve(UNKNOWN_QUERY), 1, _usual(model))
    return "an unknown query gets a whole list"


def _empty_history(model: LoadedModel) -> str:
    answer = model.ask(interface.HISTORY_SIGNATURE, **{interface.EVENTS: np.zeros([1, 0], object)})
    model.assert_lists(answer, 1, _usual(model))
    unknown = model.serve(UNKNOWN_QUERY)[model.manifest.candidate_id]
    if not np.array_equal(answer[model.manifest.candidate_id], unknown):
        raise CheckFailedError("it is not the list of an unknown query")
    return "an empty history gets the list of an unknown query"


def _smallest_and_largest_k(model: LoadedModel) -> str:
    size = model.manifest.catalogue_size
    whole = model.recommend(UNKNOWN_QUERY, k=size)
    model.assert_lists(whole, 1, size)
    one = model.recommend(UNKNOWN_QUERY, k=1)
    model.assert_lists(one, 1, 1)
    name = model.manifest.candidate_id
    if one[name][0, 0] != whole[name][0, 0]:
        raise CheckFailedError("the best candidate is not the first of all")
    return f"k may be 1 and {size}"


def _many_at_once(model: LoadedModel) -> str:
    known = model.golden_ids()
    queries = [known[place % len(known)] for place in range(_AT_ONCE)]
    together = model.serve(*queries)
    name = model.manifest.candidate_id
    alone = model.serve(queries[-1])
    count = int(alone[interface.COUNT][0])
    last = together[name][-1, :count]
    if len(together[name]) != _AT_ONCE or not np.array_equal(last, alone[name][0, :count]):
        raise CheckFailedError(f"the last of {_AT_ONCE} gets another list than alone")
    return f"{_AT_ONCE} at once are answered as one alone"


def _ids_that_are_no_text(model: LoadedModel) -> str:
    model.assert_lists(model.serve(_NOT_TEXT), 1, _usual(model))
    return "an id that is not UTF-8 is an unknown query"


CHECKS: dict[str, Callable[[LoadedModel], str]] = {
    "signatures": _signatures,
    "manifest": _manifest,
    "golden_queries": _golden,
    "unknown_query": _unknown_query,
    "empty_history": _empty_history,
    "smallest_and_largest_k": _smallest_and_largest_k,
    "many_at_once": _many_at_once,
    "ids_that_are_no_text": _ids_that_are_no_text,
    "index_recall": index_checks.check_recall,
    "index_latency": index_checks.check_latency,
}
LOADS = "loads"


def run(folder: str, bounds: Bounds) -> list[Check]:
    """Runs all checks on a SavedModel; the others are left out where it cannot be loaded."""
    try:
        model = LoadedModel(folder, bounds)
    except _UNLOADABLE as error:
        return [_failed(LOADS, error)]
    foreign = sorted(set(_NOT_LOADED) & sys.modules.keys())
    if foreign:
        needed = ", ".join(foreign)
        return [Check(LOADS, False, f"loading it needed {needed}, not TensorFlow alone")]
    needed = "TensorFlow and ScaNN's operations" if model.kind == SCANN else "TensorFlow alone"
    results = [Check(LOADS, True, f"it loads with {needed}")]
    for name, check in CHECKS.items():
        try:
            results.append(Check(name, True, check(model)))
        except (CheckFailedError, KeyError, OSError, ValueError, tf.errors.OpError) as error:
            results.append(_failed(name, error))
    return results


def _failed(name: str, error: Exception) -> Check:
    told = " ".join(str(error).split()) or type(error).__name__
    return Check(name, False, f"check {name}: {told}")


if __name__ == "__main__":
    results = run(sys.argv[1], Bounds(**json.loads(sys.argv[2])))
    print(json.dumps([dataclasses.asdict(check) for check in results]))
