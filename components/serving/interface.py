"""Names in the interface of an exported model; whoever asks one need not load what exports it."""

# To be raised with every change of what `evaluation` takes or gives: models of another interface
# cannot be evaluated together.
INTERFACE_VERSION = 2
SERVED = 100
SERVING_SIGNATURE = "serving_default"
RECOMMEND_SIGNATURE = "recommend"
HISTORY_SIGNATURE = "recommend_from_history"
EVALUATION_SIGNATURE = "evaluation"
INDEX_SIGNATURE = "indexed_candidates"
# Inputs of the signatures that recommend.
REQUEST_TIME = "request_time"
NOW = -1
EVENTS = "events"
EVENT_TIMES = "event_times"
UNKNOWN_TIME = -1
# Output of the signatures that recommend.
SCORE = "score"
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
