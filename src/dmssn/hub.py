"""Detectors in folders that others load from: on a disk, or on the Hugging Face hub.

A folder holds a checkpoint, which runs no code when it is loaded, and a model card.
"""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TypeVar

from dmssn.config import SettingError
from dmssn.detections import Detector
from dmssn.detector import find_checkpoint, header_of, is_onnx, load_file, sizes_of
from dmssn.files import make_folder, replacing
from dmssn.model_card import model_card

CHECKPOINT = "dmssn.safetensors"
CARD = "README.md"

T = TypeVar("T")


def from_pretrained(
    name_or_folder: str | os.PathLike[str],
    *,
    file: str = CHECKPOINT,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Detector:
    """Load a detector from a folder, or from a repository of the Hugging Face hub.

    Only a repository is downloaded, and once: huggingface_hub keeps it. A folder of that name
    goes before it, and takes no network.

    Args:
        name_or_folder: Folder, such as ``dmssn export --folder`` writes; or a repository, such as
            ``user/detector``.
        file: Checkpoint or ONNX file in it.
        revision: Branch, tag or commit of a repository; its main branch when left out.
        token: Of the hub, for repositories that are not public; the one that
            ``hf auth login`` kept when left out.
        cache_dir: Where downloads are kept, if not where huggingface_hub keeps them.
        device: As ``load_detector`` takes it.

    Raises:
        FileNotFoundError: The folder holds no such file.
        OSError: There is no such repository, or the hub does not answer.
        ModuleNotFoundError: The extra ``hub`` is not installed, for a repository.
        ValueError: The file is damaged or not a detector.
    """
    text = os.fspath(name_or_folder)
    folder = Path(text)
    if folder.is_dir():
        path = folder / file
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder}: holds no {file}; `dmssn export --folder` writes such folders"
            )
        return load_file(folder.resolve().name, path, device=device)
    sought = f"{text}: no folder here, and"
    hub = _hub(sought)
    found = _asking(
        sought,
        lambda: hub.hf_hub_download(
            text,
            file,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            library_name="dmssn",
        ),
    )
    return load_file(text.rsplit("/", 1)[-1], Path(found), device=device)


def push_to_hub(
    detector: str | os.PathLike[str],
    repository: str,
    *,
    private: bool = False,
    license: str | None = None,
    revision: str | None = None,
    token: str | None = None,
    message: str = "Upload a detector",
) -> str:
    """Upload a trained detector and its model card to a repository of the Hugging Face hub.

    The checkpoint's header goes with it: the recipe, and the names of its folders, are in there.

    Args:
        detector: Name, checkpoint file or run folder of a trained detector.
        repository: Such as ``user/detector``; made if it is not there.
        private: Whether one that is made is seen by its owner alone.
        license: Of the weights, as the hub names it, such as ``apache-2.0``.
        revision: Branch to upload to; the main one when left out.
        token: Of the hub; the one that ``hf auth login`` kept when left out.
        message: Of the commit.

    Returns:
        The address of the commit.

    Raises:
        SettingError: There is no such detector, or it is an ONNX file.
        OSError: The hub does not answer, or does not let us.
        ModuleNotFoundError: The extra ``hub`` is not installed.
    """
    sought = f"{repository}:"
    hub = _hub(sought)
    with TemporaryDirectory() as place:
        write_folder(detector, Path(place), license=license, repository=repository)
        hub_api = hub.HfApi(token=token, library_name="dmssn")
        _asking(sought, lambda: hub_api.create_repo(repository, private=private, exist_ok=True))
        commit = _asking(
            sought,
            lambda: hub_api.upload_folder(
                repo_id=repository, folder_path=place, revision=revision, commit_message=message
            ),
        )
    return str(commit)


def write_folder(
    detector: str | os.PathLike[str],
    folder: Path,
    *,
    license: str | None = None,
    repository: str | None = None,
) -> list[Path]:
    """Write a folder that ``from_pretrained`` loads: the checkpoint and a model card.

    Args:
        detector: Name, checkpoint file or run folder of a trained detector.
        folder: Made if it is not there; files of these names are replaced.
        license: Of the weights, for the card.
        repository: Where the folder is going to be, for the card.

    Returns:
        What was written.

    Raises:
        SettingError: There is no such detector, it is an ONNX file, or sizes are given with it.
        OSError: The folder cannot be written to.
    """
    text = os.fspath(detector)
    name, path = find_checkpoint(text)
    if sizes_of(text) or is_onnx(path):
        raise SettingError(f"{text}: a folder is made of a checkpoint, without sizes")
    card = model_card(
        header_of(text),
        name,
        license=license,
        source=repository or folder.name,
        size=path.stat().st_size,
    )
    make_folder(folder)
    with replacing(folder / CHECKPOINT) as partial:
        partial.write_bytes(path.read_bytes())
    with replacing(folder / CARD) as partial:
        partial.write_text(card, encoding="utf-8")
    return [folder / CHECKPOINT, folder / CARD]


def _hub(sought: str) -> ModuleType:
    try:
        import huggingface_hub
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{sought} the Hugging Face hub needs the extra: pip install 'dmssn[hub]'"
        ) from None
    return huggingface_hub


def _asking(sought: str, ask: Callable[[], T]) -> T:
    """What the hub answers; its errors as one line."""
    try:
        return ask()
    except Exception as error:  # of many types: those of a lost connection are httpx's own
        said = next((line for line in str(error).splitlines() if line.strip()), "no answer")
        raise OSError(f"{sought} the hub says: {said.strip()}") from error
