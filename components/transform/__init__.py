"""Transform: raw features to the integers and vectors that towers read."""
