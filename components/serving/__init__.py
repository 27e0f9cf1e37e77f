"""What every retrieval model is exported as: one SavedModel that serves and is evaluated."""
