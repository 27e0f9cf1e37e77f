"""ExampleGen: raw events in, split Examples and the catalogue of candidates out."""
