"""ONNX files of trained detectors: made, held against torch, and only then written."""

from pathlib import Path
from typing import Any

from dmssn.config import SettingError
from dmssn.detector import load_network, sizes_of
from dmssn.files import replacing
from dmssn.models.msst import LEAST_SIDE
from dmssn.trained.onnx import GraphInput


def write_onnx(detector: str, path: Path, takes: GraphInput) -> dict[str, Any]:
    """Write the ONNX file of a trained detector.

    Args:
        detector: As ``load_network`` takes it, without sizes.
        path: File to write; a reader sees it whole or not at all.
        takes: What the graph is to take.

    Returns:
        Plain values: ``file``, ``megabytes``, ``takes``, and ``compared``, for each of three
        sizes its ``height``, ``width`` and how far ``apart`` onnxruntime's map and torch's are.

    Raises:
        SettingError: There is no such detector, or sizes are given with it.
        ModuleNotFoundError: The extra ``onnx`` is not installed.
        ValueError: The detector's file is damaged, or the maps differ by more than 1e-4.
        OSError: The file cannot be written.
    """
    if sizes_of(detector):
        raise SettingError(
            f"{detector}: sizes are chosen when it runs, as in FILE.onnx:sizes=128+192; leave "
            "them out here"
        )
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"ONNX files need the extra: pip install 'dmssn[onnx]' ({error})"
        ) from None
    from dmssn.exporting.network_graph import compare, network_graph

    loaded = load_network(detector, device="cpu")
    header, side = loaded.header, loaded.sizes[0]
    sizes = [(side, side), (LEAST_SIDE + 1, side + 7), (max(LEAST_SIDE, 2 * side // 3), LEAST_SIDE)]
    with replacing(path) as partial:  # around all of it: a place that will not do is told at once
        model = network_graph(loaded.network, header, takes)
        compared = compare(loaded.network, header.bands, model, takes, sizes)
        content = model.SerializeToString()
        partial.write_bytes(content)
    return {
        "file": str(path),
        "megabytes": round(len(content) / 1e6, 1),
        "takes": takes,
        "compared": [one._asdict() for one in compared],
    }
