"""Names in the interface of an exported model; whoever asks one need not load what exports it."""

from typing import Any

# To be raised with every change of what `evaluation` takes or gives: models of another interface
# cannot be evaluated together.
INTERFACE_VERSION = 3
SERVED = 100
# What servers call the model.
MODEL_NAME = "retrieval"
# What a SavedModel says about itself, by its path in it, see `components.serving.manifest`.
MANIFEST = "assets.extra/manifest.json"
SERVING_SIGNATURE = "serving_default"
RECOMMEND_SIGNATURE = "recommend"
HISTORY_SIGNATURE = "recommend_from_history"
EVALUATION_SIGNATURE = "evaluation"
INDEX_SIGNATURE = "indexed_candidates"
EMBEDDING_SIGNATURE = "query_embedding"
SIMILAR_SIGNATURE = "similar_items"
HISTORY_OF_QUERY_SIGNATURE = "query_history"
EXPLAIN_SIGNATURE = "explain"
# Inputs of the signatures that recommend.
REQUEST_TIME = "request_time"
NOW = -1
EVENTS = "events"
EVENT_TIMES = "event_times"
UNKNOWN_TIME = -1
K = "k"
USUAL_K = 0
EXCLUDE = "exclude"
EXCLUDE_SEEN = "exclude_seen"
EXACT = "exact"
# Input of the signature for similar candidates, which takes K as well, and of that which explains.
ITEM = "item"
ITEMS = "items"
# What an input is for all requests where a caller leaves it out. Servers that know defaults of
# signatures fill them in; a SavedModel that was loaded in Python has to be given each of them.
DEFAULTS: dict[str, Any] = {
    REQUEST_TIME: [NOW],
    EVENT_TIMES: [[UNKNOWN_TIME]],
    K: [USUAL_K],
    EXCLUDE: [[""]],
    EXCLUDE_SEEN: [True],
    EXACT: [False],
}
# Outputs of the signatures that recommend.
SCORE = "score"
COUNT = "count"
# Output of the embedding signature.
EMBEDDING = "embedding"
# Outputs of the evaluation signature.
RANK = "rank"
UNSEEN_RANK = "unseen_rank"
RETURNING_RANK = "returning_rank"
REQUEST = "request"
USABLE = "usable"
TOP = "top"
IN_TRAIN = "in_train"
QUERY_NORM = "query_norm"
# Outputs of the index signature.
NORM = "norm"
ALIAS = "alias"
ALIAS_POSITION = "alias_position"
LABELS = "labels"


def list_signature(by_events: bool) -> str:
    """Name of the signature that an evaluation asks for lists.

    Args:
        by_events: Whether requests bring their events, as they must where the model cannot know
            them; it is asked by who asks otherwise.
    """
    return HISTORY_SIGNATURE if by_events else RECOMMEND_SIGNATURE
