"""GGUF files: de-quantised once to safetensors, so that later loads are plain transformers loads."""

import errno
import shutil
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.core.home import home
from longspan.core.progress import Progress, silent
from longspan.models.digest import file_digest
from longspan.models.disk import FULL, only_one, room, settle
from longspan.models.notify import Notify, unheard
from longspan.models.record import Record, write_record

MAGIC = b"GGUF"
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, struct.error)
"""What the readers raise for a file that is cut off, damaged or of a kind they do not know."""


def check_gguf(path: Path) -> None:
    """Raise InputError when a file is no GGUF file of a version that can be read."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] != MAGIC:
        raise InputError(f"{path} is not a GGUF file: it begins with {head[:4]!r} and must begin with {MAGIC!r}")
    version = int.from_bytes(head[4:8], "little")
    if version not in (2, 3):
        raise InputError(f"{path} is a GGUF file of version {version}; versions 2 and 3 can be read: convert it again")


def converted(path: Path, *, progress: Progress = silent, notify: Notify = unheard) -> Path:
    """Return the cached folder of a GGUF file's de-quantised weights, made on first use and found by its sha256.

    Raises InputError when the file is no GGUF, is damaged, or holds an architecture transformers does not read.
    """
    check_gguf(path)
    sha256 = file_digest(path, progress=progress)
    place = home() / "models" / f"gguf-{path.stem}-{sha256[:12]}"
    if (place / "config.json").exists():
        return place
    with only_one(place.with_name(f".{place.name}.lock"), notify=notify):
        if (place / "config.json").exists():
            return place
        notify(f"{path.name}: de-quantising it to {place}, once")
        work = place.with_name(f".{place.name}.work")
        with room(work, 4 * path.stat().st_size):
            dequantise(path, work, progress=progress)
            write_record(work, Record(name=path.name, source=str(path.absolute()), sha256=sha256))
            settle(work, place)
    return place


def dequantise(path: Path, out: Path, *, progress: Progress = silent) -> None:
    """Write a GGUF file's weights (bfloat16 safetensors), configuration and tokenizer into `out`, emptied before.

    Raises InputError when the file cannot be read as a causal language model, OSError when the disk is full.
    """
    check_gguf(path)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    try:
        with quiet(), reported(path.name, progress):
            model, tokenizer = read(path)
            save(model, tokenizer, out)
    except BaseException:
        shutil.rmtree(out)
        raise


def read(path: Path) -> tuple[Any, Any]:
    """Return the model and the tokenizer of a GGUF file."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    loader: Any = AutoModelForCausalLM
    try:
        model, report = loader.from_pretrained(
            path.parent,
            gguf_file=path.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    except Exception as error:
        # A broken vocabulary reaches us from tokenizers as a bare Exception; any other kind not expected is a bug.
        if not isinstance(error, DAMAGE) and type(error) is not Exception:
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path} cannot be read as a language model: {reason}. Use a GGUF of an architecture that transformers "
            "reads (Llama, Mistral, Qwen2, Qwen3, Phi3, Gemma3 and others), in one file and complete"
        ) from error
    if report["missing_keys"]:
        raise InputError(
            f"{path} lacks {len(report['missing_keys'])} of the model's weights, the first of them "
            f"{min(report['missing_keys'])}. A GGUF split into several files must be merged into one first"
        )
    return model, tokenizer


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write what `from_pretrained` reads."""
    from safetensors import SafetensorError

    try:
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
    except SafetensorError as error:
        # Its writer passes the system's number on in words only.
        if not any(f"(os error {number})" in str(error) for number in FULL):
            raise
        raise OSError(errno.ENOSPC, "no space left for the weights") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and warnings off the screen."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def reported(name: str, progress: Progress) -> Iterator[None]:
    """Report each tensor that transformers de-quantises; its reader draws a bar of its own that has no switch."""
    import transformers.modeling_gguf_pytorch_utils as reader

    def each(tensors: list[Any], **_: object) -> Iterable[Any]:
        for done, tensor in enumerate(tensors):
            progress(f"de-quantise {name}", done, len(tensors), "tensors")
            yield tensor
        progress(f"de-quantise {name}", len(tensors), len(tensors), "tensors")

    module: Any = reader
    theirs = module.tqdm
    module.tqdm = each
    try:
        yield
    finally:
        module.tqdm = theirs
