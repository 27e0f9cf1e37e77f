"""Verdict: fails a compiled pipeline whose model was not blessed."""
