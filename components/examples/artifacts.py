"""Names under which components hand Examples to each other."""

# The catalogue, beside the interactions that TFX calls "examples".
CANDIDATES = "candidates"
# The catalogue is known when training starts, and no part of it is held out.
CANDIDATES_SPLIT = "train"
# Property of interactions and of models: how the events were split, as JSON.
SPLIT = "split"
# Property of models: version of the signatures they are exported with.
INTERFACE = "interface"
