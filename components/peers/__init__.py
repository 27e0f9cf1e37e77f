"""Peers: what simple recommenders reach on the same data, trained, exported and ranked alike."""
