"""Names of the peers."""

POPULARITY = "popularity"
ITEM_KNN = "item_knn"
SESSION_KNN = "session_knn"
IMPLICIT_ALS = "implicit_als"
PEERS = (POPULARITY, ITEM_KNN, SESSION_KNN, IMPLICIT_ALS)

# Under which the peers' metrics are handed on.
PEER_EVALUATION = "peer_evaluation"
