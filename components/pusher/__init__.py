"""Pusher: puts a blessed model where servers look for it."""
