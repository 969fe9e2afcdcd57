"""Models from the Hugging Face hub: asked once, briefly, for what loading needs and nothing else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.models.disk import FULL, free
from longspan.models.watch import watched

PATIENCE = 5.0
"""Seconds the hub has to answer."""
SUFFIXES = (".json", ".safetensors", ".jinja", ".txt", ".model")
"""What a tokenizer, a configuration and safe weights are made of: no pickles, no code."""


class HubError(Exception):
    """The hub does not answer, or does not give this model; the message is the reason in a few words."""


def wanted(names: list[str]) -> list[str]:
    """Return the files of a hub repository that loading needs."""
    top = [name for name in names if "/" not in name and name.endswith(SUFFIXES)]
    pooling = [name for name in names if name == "1_Pooling/config.json"]
    return [name for name in top if not name.startswith("consolidated")] + pooling


def from_hub(model: str, folder: Path, *, stage: str, progress: Progress = silent, endpoint: str | None = None) -> str:
    """Download a model into a folder, where a later call goes on after an interruption; return its commit.

    Raises HubError when the hub does not answer or refuses, OSError when the disk is full.
    """
    from huggingface_hub import HfApi, snapshot_download

    with only_hub_errors(), quiet():
        info = HfApi(endpoint=endpoint).model_info(model, timeout=PATIENCE, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        names = wanted(list(sizes))
        if not any(name.endswith(".safetensors") for name in names):
            raise HubError(f"{model} has no safetensors weights there")
        total = sum(sizes[name] for name in names)
        folder.mkdir(parents=True, exist_ok=True)
        with watched(folder, lambda here: progress(stage, here, total, "bytes"), most=total):
            snapshot_download(
                model,
                revision=info.sha,
                allow_patterns=names,
                local_dir=folder,
                etag_timeout=PATIENCE,
                endpoint=endpoint,
            )
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    progress(stage, total, total, "bytes")
    return str(info.sha)


def hub_cache(model: str, *, stage: str, progress: Progress = silent, endpoint: str | None = None) -> Path:
    """Return the folder of a hub model in the hub's own cache, which other programs share; download what is missing.

    Raises HubError when it is neither there nor to be had, InputError when the disk is full.
    """
    from huggingface_hub import constants, snapshot_download

    cache = Path(constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}"
    reason = silence(model, endpoint)
    patterns = [f"*{suffix}" for suffix in SUFFIXES]
    watch = watched(cache, lambda here: progress(stage, here, 0, "bytes"))
    try:
        with enough(cache), only_hub_errors(), quiet(), watch:
            path = snapshot_download(
                model,
                allow_patterns=patterns,
                ignore_patterns=["*/*", "consolidated*"],
                etag_timeout=PATIENCE,
                endpoint=endpoint,
                local_files_only=reason is not None,
            )
    except HubError as error:
        raise reason or error from None
    if not list(Path(path).glob("*.safetensors")):
        raise HubError(f"{model} has no safetensors weights there")
    return Path(path)


def silence(model: str, endpoint: str | None) -> HubError | None:
    """Ask the hub for a model, once and briefly; return why it is not to be had, or nothing when it is."""
    from huggingface_hub import HfApi

    try:
        with only_hub_errors(), quiet():
            HfApi(endpoint=endpoint).model_info(model, timeout=PATIENCE)
    except HubError as error:
        return error
    return None


@contextmanager
def enough(cache: Path) -> Iterator[None]:
    """Turn a full disk into an InputError that names the hub's cache folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise InputError(
            f"not enough room on the disk for {cache}: {free(cache):,} bytes are free. Make room, or set HF_HOME "
            "to a folder on a larger disk, and run it again"
        ) from error


@contextmanager
def only_hub_errors() -> Iterator[None]:
    """Turn whatever the hub's client raises about the network or the repository into HubError."""
    from huggingface_hub import errors

    # The client's own HTTP library differs with its version; its errors' parent is the base of all of them.
    web: type[Exception] = errors.HfHubHTTPError.__mro__[1]
    chunked: type[Exception] = getattr(errors, "XetDownloadError", RuntimeError)
    try:
        yield
    except errors.GatedRepoError as error:
        raise HubError("the hub asks for a login and for its terms to be accepted there") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError("the hub has no such model, or keeps it private") from error
    except (errors.HFValidationError, errors.RevisionNotFoundError) as error:
        raise HubError(f"the hub refused the name ({type(error).__name__})") from error
    except (OSError, web, chunked, RuntimeError) as error:
        if getattr(error, "errno", None) in FULL:
            raise
        raise HubError(f"the hub does not answer ({type(error).__name__})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the hub client's progress bars and warnings off the screen."""
    from huggingface_hub import utils

    client: Any = utils
    had_bars = not client.are_progress_bars_disabled()
    level = client.logging.get_verbosity()
    client.disable_progress_bars()
    client.logging.set_verbosity_error()
    try:
        yield
    finally:
        client.logging.set_verbosity(level)
        if had_bars:
            client.enable_progress_bars()
