"""What every pushed model was made from, read from ML Metadata; loads neither TensorFlow nor TFX.

The way in is `store.LineageStore`, of an output folder:

- `find(name)` gives the `graph.Artifact` that a version, an id or a path names; without a name,
  that of the version that is served.
- `upstream(artifact)` and `downstream(artifact)` give a `graph.Lineage`: every artifact once, the
  executions that made them, and the edges between the two.

`story.tell(store, artifact)` gives a `story.Story`: the same lineage, and what is recorded along it
by topic, as plain values ready for JSON. `story` says which topics there are.
"""
