"""``dmssn export``: trained detectors for other runtimes and other people.

Examples:
    dmssn export --onnx detector.onnx
    # a trained one, as a folder for the Hugging Face hub
    dmssn export --detector runs/mine/detector --folder mine --license apache-2.0
"""

import json as json_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dmssn.config import SettingError


def main(
    *,
    detector: str | None = None,
    onnx: Path | None = None,
    input: Literal["regions", "dense"] = "regions",
    folder: Path | None = None,
    license: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write a trained detector for other runtimes, or as a folder for others to load.

    An ONNX file holds the network and how cubes are prepared for it: `dmssn predict --detector
    FILE.onnx` runs it without torch. It is held against torch at three sizes before it is
    written (extra `onnx`). A folder holds the checkpoint and its model card, as the Hugging Face
    hub keeps them, and `dmssn.from_pretrained` loads it.

    Args:
        detector: Name of a trained detector, a checkpoint file or a run folder; by default the one
            that comes with the program.
        onnx: ONNX file to write; its name ends in .onnx.
        input: What the graph takes: regions, a table of region spectra and the region map; or
            dense, a prepared cube.
        folder: Folder to write.
        license: Of the weights, as the hub names it, such as apache-2.0, for the model card.
        json: Describe what was written on stdout as JSON.
    """
    if onnx is None and folder is None:
        raise SettingError("nothing to write: give --onnx FILE.onnx, --folder FOLDER or both")
    if onnx is not None and onnx.suffix.lower() != ".onnx":
        raise SettingError(f"--onnx {onnx}: the name of an ONNX file ends in .onnx")
    from dmssn.detector import DEFAULT

    named = DEFAULT if detector is None else detector
    told: dict[str, object] = {}
    if onnx is not None:
        from dmssn.exporting.onnx_files import write_onnx

        written = write_onnx(named, onnx, input)
        told["onnx"] = written
        if not json:
            sizes = ", ".join(f"{one['height']} x {one['width']}" for one in written["compared"])
            print(
                f"{onnx}: {written['megabytes']} MB, takes {input}; differs from torch by up to "
                f"{max(one['apart'] for one in written['compared']):.1g} at {sizes}"
            )
    if folder is not None:
        from dmssn.hub import write_folder

        files = write_folder(named, folder, license=license)
        told["folder"] = [str(file) for file in files]
        if not json:
            print(f"{folder}: {', '.join(file.name for file in files)}")
    if json:
        print(json_module.dumps(told, indent=2))
