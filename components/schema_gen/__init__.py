"""SchemaGen: imports a schema that people curate; nothing is inferred."""
