"""What a compiled pipeline has to know beside the configuration, checked before it is compiled."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Literal, get_args

from components.serving.interface import MODEL_NAME
from pipeline.failure import UsageError

Target = Literal["vertex", "kubeflow"]
TARGETS: tuple[Target, ...] = get_args(Target)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://[^/].*")
_OF_COMPONENT = re.compile(r"(?:(?P<component>\w+)=)?(?P<value>[^=]+)")
_GPU = re.compile(r"(?P<type>[^=:]+)(?::(?P<count>[1-9][0-9]*))?")


@dataclasses.dataclass(frozen=True)
class Resources:
    """What the container of one task is given; None for the platform's default.

    Attributes:
        cpu: Cores.
        memory: Gigabytes.
        gpu: Type of accelerator, such as NVIDIA_TESLA_T4 (Vertex AI) or nvidia.com/gpu (Kubeflow).
        gpus: How many of them.
    """

    cpu: float | None = None
    memory: float | None = None
    gpu: str | None = None
    gpus: int = 0


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A checked deployment.

    Attributes:
        target: Where the pipeline is to run.
        name: Name of the pipeline, the scope of its cache.
        image: Container image of all tasks.
        pipeline_root: URI below which all artifacts are kept.
        push_destination: URI of the folder of the model's versions.
        default_resources: What a task is given.
        resources: What is given to single tasks, by component.
        retries: How often a failed task is tried again.
        cache: Whether tasks whose inputs have not changed are answered from the cache.
    """

    target: Target
    name: str
    image: str
    pipeline_root: str
    push_destination: str
    default_resources: Resources
    resources: dict[str, Resources]
    retries: int
    cache: bool


def deployment(
    target: str | None,
    name: str,
    image: str | None,
    pipeline_root: str | None,
    push_destination: str | None,
    cpu: Sequence[str],
    memory: Sequence[str],
    gpu: Sequence[str],
    retries: int,
    cache: bool,
) -> Deployment:
    """Checks the options of `compile`.

    Args:
        target: One of `TARGETS`.
        name: Name of the pipeline.
        image: Container image.
        pipeline_root: URI.
        push_destination: URI; `serving/<model>` below the pipeline root if not given.
        cpu: `CORES` or `COMPONENT=CORES`, each.
        memory: `GIGABYTES` or `COMPONENT=GIGABYTES`, each.
        gpu: `COMPONENT=TYPE` or `COMPONENT=TYPE:COUNT`, each.
        retries: How often a failed task is tried again.
        cache: Whether the cache is used.

    Raises:
        UsageError: Something is missing or does not fit; the sentence names it.
    """
    found = checked_target(target)
    if not image:
        raise UsageError("--image is missing: name the container image that `make image` made.")
    if not pipeline_root:
        raise UsageError(
            "--pipeline-root is missing: name the URI that artifacts are kept below, such as"
            " gs://BUCKET/FOLDER."
        )
    root = pipeline_root.rstrip("/")
    destination = (push_destination or f"{root}/serving/{MODEL_NAME}").rstrip("/")
    for option, uri in (("--pipeline-root", root), ("--push-destination", destination)):
        check_uri(option, uri, found)
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"--name cannot be {name!r}: it takes lower-case letters, digits and -, at most 128."
        )
    default, by_component = _resources(cpu, memory, gpu)
    return Deployment(
        target=found,
        name=name,
        image=image,
        pipeline_root=root,
        push_destination=destination,
        default_resources=default,
        resources=by_component,
        retries=retries,
        cache=cache,
    )


def checked_target(target: str | None) -> Target:
    """The target that an option names.

    Raises:
        UsageError: It is missing, or names none.
    """
    for known in TARGETS:
        if target == known:
            return known
    named = f"--target cannot be {target!r}" if target else "--target is missing"
    raise UsageError(f"{named}: it is {' or '.join(TARGETS)}.")


def check_source(source: str) -> None:
    """Refuses a source of data that no container could find.

    Args:
        source: As `DataSection.source` has it.

    Raises:
        UsageError: It is a path of this machine.
    """
    if source.startswith("tfds:") or _URI.fullmatch(source) or source.startswith("file:///"):
        return
    raise UsageError(
        f"the data {source!r} is a path of this machine, which no container has: copy it to an"
        " object store and give its URI, such as gs://BUCKET/FOLDER, or file:///PATH where the"
        " container itself has it."
    )


def is_pinned(source: str) -> bool:
    """Whether a source always has the same content, so that the cache may answer for it."""
    return source.startswith("tfds:")


def check_uri(option: str, uri: str, target: Target) -> None:
    """Refuses a folder that containers of a target do not share.

    Args:
        option: What names the folder.
        uri: The folder.
        target: Where the containers run.

    Raises:
        UsageError: They do not share it.
    """
    if not _URI.fullmatch(uri):
        raise UsageError(
            f"{option} cannot be {uri!r}: containers share no folder, so it has to be a URI such as"
            " gs://BUCKET/FOLDER."
        )
    if target == "vertex" and not uri.startswith("gs://"):
        raise UsageError(f"{option} cannot be {uri!r}: Vertex AI takes gs:// only.")


def _resources(
    cpu: Sequence[str], memory: Sequence[str], gpu: Sequence[str]
) -> tuple[Resources, dict[str, Resources]]:
    given: dict[str | None, Resources] = {None: Resources()}
    for text in cpu:
        component, value = _of_component("cpu", text)
        earlier = given.get(component, Resources())
        given[component] = dataclasses.replace(earlier, cpu=_positive("cpu", value))
    for text in memory:
        component, value = _of_component("memory", text)
        earlier = given.get(component, Resources())
        given[component] = dataclasses.replace(earlier, memory=_positive("memory", value))
    for text in gpu:
        component, value = _of_component("gpu", text)
        match = _GPU.fullmatch(value)
        if component is None or match is None:
            raise UsageError(
                f"--gpu cannot be {text!r}: it is COMPONENT=TYPE or COMPONENT=TYPE:COUNT, such as"
                " Trainer=NVIDIA_TESLA_T4:1."
            )
        earlier = given.get(component, Resources())
        given[component] = dataclasses.replace(
            earlier, gpu=match["type"], gpus=int(match["count"] or 1)
        )
    default = given.pop(None)
    return default, {name: value for name, value in given.items() if name is not None}


def _of_component(option: str, text: str) -> tuple[str | None, str]:
    match = _OF_COMPONENT.fullmatch(text)
    if match is None:
        raise UsageError(f"--{option} cannot be {text!r}: it is VALUE or COMPONENT=VALUE.")
    return match["component"], match["value"]


def _positive(option: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"--{option} cannot be {text!r}: it is a number above 0.")
    return value
