"""Columns of Examples that the pipeline itself makes, whatever the dataset.

Lists of candidates hold the hashes of their keys, see `components.examples.hashing.candidate_hash`:
a row may list hundreds, and as strings they were most of an evaluation.
"""

# Candidates of the earlier events of the query, oldest first: of those that the row may know, the
# latest, see `components.example_gen.splits.SplitSpec`.
HISTORY = "history"
# Times of the events in HISTORY.
HISTORY_TIMES = "history_times"
# In valid and eval rows, what a served list leaves out: the distinct candidates of all train events
# of the query and of the other earlier events that the row may know. Ordered by the last event of
# each, oldest first.
SEEN_CANDIDATES = "seen_candidates"
# In the catalogue, every raw candidate id that carries the candidate key.
CANDIDATE_ALIASES = "candidate_aliases"

MADE_COLUMNS = (CANDIDATE_ALIASES, HISTORY, HISTORY_TIMES, SEEN_CANDIDATES)
