"""What a dataset is: definitions, readers of raw files, archives and sources."""
