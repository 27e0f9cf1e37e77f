"""Parts of the retrieval pipeline that do not know the pipeline."""
