"""The pipeline: its configuration, its graph, running it on this machine, its command line."""
