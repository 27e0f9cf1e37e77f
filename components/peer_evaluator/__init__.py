"""PeerEvaluator: the peers on the rows, views and slices that the Evaluator has."""
