"""TensorFlow's in-memory file system, ram://, for Beam too; it lasts as long as its process.

Run as a module it is the command line of the pipeline, in a process that has this file system; at
the end it prints the files that are left on it, and how the pushed model answers.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from apache_beam.io import filesystem

from components import files
from components.pusher import version_folder
from pipeline.cli import main as command_line

ROOT = "ram://pipeline"


class _Written(io.BytesIO):
    """What is written to a file, which is there once this is closed."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            with tf.io.gfile.GFile(self._path, "wb") as stream:
                stream.write(self.getvalue())
        super().close()


class RamFileSystem(filesystem.FileSystem):  # type: ignore[misc]
    """Beam's view of TensorFlow's ram://; what Beam's engines do not call is not there."""

    @classmethod
    def scheme(cls) -> str:
        return "ram"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *(path.strip("/") for path in paths)])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        tf.io.gfile.makedirs(path)

    def has_dirs(self) -> bool:
        return True

    def _list(self, dir_or_prefix: str) -> Iterator[filesystem.FileMetadata]:
        folder = dir_or_prefix.rstrip("/")
        if not tf.io.gfile.isdir(folder):
            folder = folder.rpartition("/")[0]
        for parent, _, names in tf.io.gfile.walk(folder):
            for name in names:
                path = f"{parent.rstrip('/')}/{name}"
                if path.startswith(dir_or_prefix):
                    yield filesystem.FileMetadata(path, tf.io.gfile.stat(path).length)

    def create(self, path: str, *options: Any) -> Any:
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        return _Written(path)

    def open(self, path: str, *options: Any) -> Any:
        with tf.io.gfile.GFile(path, "rb") as stream:
            return io.BytesIO(stream.read())

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            tf.io.gfile.copy(source, destination, overwrite=True)

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            tf.io.gfile.rename(source, destination, overwrite=True)

    def exists(self, path: str) -> bool:
        return bool(tf.io.gfile.exists(path))

    def size(self, path: str) -> int:
        return int(tf.io.gfile.stat(path).length)

    def last_updated(self, path: str) -> float:
        return float(tf.io.gfile.stat(path).mtime_nsec / 1e9)

    def checksum(self, path: str) -> str:
        return str(self.size(path))

    def metadata(self, path: str) -> filesystem.FileMetadata:
        return filesystem.FileMetadata(path, self.size(path))

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            for found in tf.io.gfile.glob(path):
                if tf.io.gfile.isdir(found):
                    tf.io.gfile.rmtree(found)
                else:
                    tf.io.gfile.remove(found)


_rename_file = tf.io.gfile.rename


def _rename(source: str, destination: str, overwrite: bool = False) -> None:
    """Renames a folder with what is in it, as object stores do and ram:// by itself does not."""
    if not (source.startswith("ram://") and tf.io.gfile.isdir(source)):
        _rename_file(source, destination, overwrite=overwrite)
        return
    for name in files.list_files(source):
        tf.io.gfile.makedirs(f"{destination}/{name}".rpartition("/")[0])
        _rename_file(f"{source}/{name}", f"{destination}/{name}", overwrite=overwrite)
    tf.io.gfile.rmtree(source)


_listdir_by_prefix = tf.io.gfile.listdir
_walk_local = tf.io.gfile.walk


def _listdir(path: str) -> list[str]:
    """Lists a folder without its siblings of which its name is a prefix, as ram:// does."""
    names: list[str] = _listdir_by_prefix(path)
    if not path.startswith("ram://"):
        return names
    return [name for name in names if tf.io.gfile.exists(f"{path.rstrip('/')}/{name}")]


def _walk(
    top: str, topdown: bool = True, onerror: Any = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    if not top.startswith("ram://"):
        yield from _walk_local(top, topdown, onerror)
        return
    names = _listdir(top)
    folders = [name for name in names if tf.io.gfile.isdir(f"{top.rstrip('/')}/{name}")]
    yield top, folders, [name for name in names if name not in folders]
    for name in folders:
        yield from _walk(f"{top.rstrip('/')}/{name}")


def main(arguments: list[str]) -> int:
    # TensorFlow's ram:// is its own test's, and has two faults that object stores have not.
    tf.io.gfile.rename, tf.io.gfile.listdir, tf.io.gfile.walk = _rename, _listdir, _walk
    code = command_line(arguments)
    [model] = tf.io.gfile.glob(f"{ROOT}/Trainer/model/*")
    base = f"{ROOT}/served"
    folder = f"{base}/{version_folder.push(f'{model}/Format-Serving', base)}"
    recommend = tf.saved_model.load(folder).signatures["serving_default"]
    titles = recommend(user_id=tf.constant(["1"]))["movie_title"].numpy()
    answered = [title.decode() for title in titles[0][:5]]
    print(json.dumps({"files": files.list_files(ROOT), "titles": answered}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
