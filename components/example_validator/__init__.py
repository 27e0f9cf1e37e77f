"""ExampleValidator that blocks: anomalies stop the pipeline."""
