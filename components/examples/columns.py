"""Columns of Examples that the pipeline itself makes, whatever the dataset."""

# In eval rows, the candidate keys of the query's train events: what a served list leaves out.
SEEN_CANDIDATES = "seen_candidates"
