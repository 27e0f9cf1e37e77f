"""Columns of Examples that the pipeline itself makes, whatever the dataset."""

# In eval rows, the hashes of the candidate keys of the query's train events: what a served list
# leaves out. Hashes, because a row may list hundreds: as strings they were most of an evaluation.
SEEN_CANDIDATES = "seen_candidates"
