"""Evaluator: ranks on the eval split through the served graph, and the gate that blesses."""
