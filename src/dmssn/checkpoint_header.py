"""What a checkpoint says of itself: a readable JSON header, in safetensors and in ONNX files alike.

Reading it takes no torch.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

FORMAT = 1
"""Version of the header; raised when older programs could misread a file."""
KEY = "dmssn"
"""Of the header among a file's metadata."""

Stage = Literal["teacher", "detector", "resume"]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a checkpoint says of itself.

    Attributes:
        stage: What the tensors are.
        bands: Bands the networks take.
        wavelengths_nm: Of those bands; None for weights that go by the band order.
        model: Arguments of the network.
        prepare: Settings of ``preparing.prepare``.
        mean: Statistics of the training scenes, shape (bands,); None for the cube's own.
        std: Likewise.
        provenance: Version, recipe, data, commit: where the weights come from.
        metrics: Validation metrics at the time of writing.
    """

    stage: Stage
    bands: int
    wavelengths_nm: list[float] | None = None
    model: dict[str, Any] = field(default_factory=dict)
    prepare: dict[str, Any] = field(default_factory=dict)
    mean: list[float] | None = None
    std: list[float] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def to_json(header: Header) -> str:
    """A header as files hold it."""
    return json.dumps({"format": FORMAT, **asdict(header)})


def from_json(path: Path, described: str, stage: Stage) -> Header:
    """A header as a file holds it, of the given stage.

    Raises:
        ValueError: It is damaged, of another stage, or of a newer format; ``path`` is named.
    """
    try:
        table = json.loads(described)
        if table.pop("format") > FORMAT:
            raise ValueError(f"{path}: written by a newer dmssn; upgrade to read it")
        header = Header(**table)
        _check(header)
    except (json.JSONDecodeError, RecursionError, AttributeError, KeyError, TypeError):
        raise ValueError(f"{path}: its dmssn header is damaged; copy or train it again") from None
    if header.stage != stage:
        raise ValueError(f"{path}: a {header.stage} checkpoint, a {stage} one is needed")
    return header


def _check(header: Header) -> None:
    """Raise TypeError where a file holds other types than a header has."""
    vectors = [
        each for each in (header.wavelengths_nm, header.mean, header.std) if each is not None
    ]
    tables = (header.model, header.prepare, header.provenance, header.metrics)
    if not (
        isinstance(header.bands, int)
        and all(isinstance(each, dict) for each in tables)
        and all(isinstance(each, list) and len(each) == header.bands for each in vectors)
        and all(isinstance(value, int | float) for each in vectors for value in each)
    ):
        raise TypeError("not the types of a header")


def read_header(path: Path, stage: Stage) -> Header:
    """Read the header of a checkpoint of the given stage, without its numbers.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint, not whole, of another stage, or of a newer format.
    """
    with opened(path, stage, "np") as file:
        return header_of(path, file, stage)


@contextmanager
def opened(path: Path, stage: Stage, framework: Literal["pt", "np"]) -> Iterator[Any]:
    """A safetensors file, whose tensors are those of torch or of numpy; raises as reading does."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such {stage} checkpoint")
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path}: not a whole safetensors file ({error}); copy or train it again"
        ) from None


def header_of(path: Path, file: Any, stage: Stage) -> Header:  # noqa: ANN401
    """The header of an opened file; raises ValueError as reading does."""
    described = (file.metadata() or {}).get(KEY)
    if described is None:
        raise ValueError(
            f"{path}: a safetensors file without a dmssn header; "
            "published weights come in through `dmssn import-weights`"
        )
    return from_json(path, described, stage)
