"""IndexValidator: proves that a model can be served, in a process that knows only TensorFlow."""
