"""Tells what on this machine would keep a run, or what is served, from working; loads quickly."""
