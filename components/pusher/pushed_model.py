"""Names of what a PushedModel artifact records; whoever reads one need not load what writes it."""

# As TFX's Pusher has them.
PUSHED = "pushed"
PUSHED_DESTINATION = "pushed_destination"
PUSHED_VERSION = "pushed_version"
# What became of the model, and its values.
OUTCOME = "outcome"
OUTCOME_PUSHED = "pushed"
OUTCOME_UNCHANGED = "unchanged"
OUTCOME_NOT_BLESSED = "not_blessed"
OUTCOME_ROLLED_BACK = "rolled_back"
# What the run was told, as JSON: `preset`, `values` by section and key, and `changes` from the
# preset by dotted key, each its value there and here.
CONFIG = "config"
# `version_folder.tree_sha256` of what was pushed.
TREE_SHA256 = "tree_sha256"
# Of a version that was made by going back to an earlier one: that, the one that was current till
# then, and the id of the latter's artifact.
ROLLED_BACK_TO = "rolled_back_to"
ROLLED_BACK_FROM = "rolled_back_from"
SUPERSEDED_ID = "superseded_pushed_model_id"
# When the version's folder was removed, in ISO 8601.
REMOVED_AT = "removed_at"
