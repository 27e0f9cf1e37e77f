"""Examples artifacts as Parquet: the one place that knows how they lie on disk."""
