"""The pipeline on Vertex AI Pipelines and Kubeflow Pipelines: compiled, then submitted."""
