"""Names of what artifacts record; whoever reads one need not load what writes it."""

# `files.digest` of the artifact's own folder, and how many bytes its files have.
FILES_SHA256 = "files_sha256"
FILES_BYTES = "files_bytes"
# Commit of the checkout that the code ran from, and 1 where the code differed from it.
GIT_COMMIT = "git_commit"
GIT_MODIFIED = "git_modified"
# Version of each package that results depend on, and of Python, by name, as JSON.
PACKAGE_VERSIONS = "package_versions"
# Of a transform graph: number of terms of each vocabulary by name, as JSON.
VOCABULARIES = "vocabularies"
# Of a model run: value per epoch of each logged figure, as JSON; seconds of the fit.
TRAINING_CURVE = "training_curve"
FIT_SECONDS = "fit_seconds"
