"""A small server of the pushed model for development, in the form of TensorFlow Serving's REST."""
