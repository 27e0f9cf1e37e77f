"""Asks the pushed model for recommendations, with plain TensorFlow as any server would."""

from __future__ import annotations

import dataclasses

from pipeline.failure import OutputError
from pipeline.log_capture import captured_logs
from pipeline.paths import OutputPaths

MOST = 100
_SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """A movie that was recommended.

    Attributes:
        rank: Its place, from 1.
        movie_id: Its id.
        title: Its title.
        score: What the model ranked it by; only comparable within one answer.
    """

    rank: int
    movie_id: str
    title: str
    score: float


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the model said about a user.

    Attributes:
        version: Version of the model.
        recommendations: Best first.
    """

    version: int
    recommendations: list[Recommendation]


def recommend(paths: OutputPaths, user: str, k: int) -> Answer:
    """The best `k` movies for a user; for a user it does not know, the most popular ones.

    Args:
        paths: Output folder of the runs that pushed the model; the newest version is used.
        user: Id of the user.
        k: How many, at most `MOST`.

    Raises:
        OutputError: No model was pushed yet.
    """
    versions = paths.versions()
    if not versions:
        raise OutputError(
            f"no model was pushed to {paths.serving} yet: run the pipeline first, or name its"
            " folder with --output."
        )
    version = versions[-1]
    with captured_logs():
        import tensorflow as tf

        model = tf.saved_model.load(str(paths.serving / str(version)))
        answer = model.signatures[_SIGNATURE](user_id=tf.constant([user]))
        ids, titles, scores = (
            answer[name][0].numpy()[:k].tolist() for name in ("movie_id", "movie_title", "score")
        )
    return Answer(
        version,
        [
            Recommendation(rank, movie_id.decode(), title.decode(), score)
            for rank, (movie_id, title, score) in enumerate(
                zip(ids, titles, scores, strict=True), start=1
            )
            if title  # empty where the user has seen all other movies
        ],
    )
