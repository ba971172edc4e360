"""Trained detectors in ONNX files, which ``dmssn export`` writes: they need no torch.

Letters: B bands, R regions, S side of the network's square.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dmssn import mixture_numpy
from dmssn.checkpoint_header import KEY, Header, from_json
from dmssn.config import SettingError
from dmssn.devices import is_out_of_memory
from dmssn.preparing import Components
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.threads import threads_in_use
from dmssn.trained.detector import TrainedDetector

SUFFIX = ".onnx"
INPUT_KEY = "dmssn_input"
"""Among a file's metadata: what the graph takes."""
PARAMETERS_KEY = "dmssn_parameters"
"""Likewise: how many trained numbers it holds."""

GraphInput = Literal["regions", "dense"]
"""What a graph takes: ``regions``, the table ``spectra`` (R, B) and ``region_map`` (S, S) int32, -1
outside; ``dense``, ``cube`` (1, B, S, S). Numbers are float32 in [0, 1], as prepared."""


class OnnxDetector(TrainedDetector):
    """A trained network in onnxruntime, on the CPU; its mixture is fitted in numpy.

    Args:
        name: How it is called in outputs.
        header: Of the checkpoint it was exported from.
        session: onnxruntime's.
        takes: What the graph takes.
        parameters: Trained numbers.
        sizes: As those of ``TrainedDetector``.
    """

    def __init__(
        self,
        name: str,
        header: Header,
        session: Any,  # noqa: ANN401
        takes: GraphInput,
        parameters: int,
        sizes: Sequence[int] = (),
    ) -> None:
        """``load_detector`` makes detectors."""
        super().__init__(name, header, parameters, sizes)
        self.session = session
        self.takes = takes

    @property
    def runs_on(self) -> str:
        """Always the CPU."""
        return "cpu"

    @property
    def components(self) -> Components:
        """In numpy, whether torch is installed or not: maps do not depend on that."""
        return mixture_numpy.components

    def run(self, regions: RegionCube) -> NDArray[np.float32]:
        """As ``TrainedDetector.run``."""
        if self.takes == "regions":
            given = {"spectra": regions.spectra, "region_map": regions.region_map}
        else:
            given = {"cube": np.ascontiguousarray(regions.dense().transpose(2, 0, 1)[None])}
        try:
            (saliency,) = self.session.run(["saliency"], given)
        except Exception as error:  # onnxruntime's own are no RuntimeError
            if is_out_of_memory(RuntimeError(str(error))):
                raise RuntimeError(str(error)) from error
            raise ValueError(
                f"{regions.name}: {self.name} fails in onnxruntime ({_line(error)}); "
                "export it again"
            ) from error
        found: NDArray[np.float32] = np.asarray(saliency)
        if found.shape != regions.region_map.shape or found.dtype != np.float32:
            raise ValueError(
                f"{regions.name}: {self.name} gives {found.dtype} of shape {found.shape} for "
                f"float32 of {regions.region_map.shape}; export it again"
            )
        return found

    def notes(self, regions: RegionCube) -> tuple[str, ...]:
        """That a dense graph knows no outside, where there is one."""
        outside = int((regions.region_map == OUTSIDE).sum())
        if self.takes == "regions" or not outside:
            return ()
        return (
            f"{outside} pixels of the prepared cube are invalid, and the dense graph takes them "
            "for spectra of zeros; one exported with --input regions leaves them out",
        )


def load(name: str, path: Path, device: str = "auto", sizes: Sequence[int] = ()) -> OnnxDetector:
    """Load the detector of an ONNX file.

    Raises:
        SettingError: The device is not the CPU.
        ModuleNotFoundError: onnxruntime is not installed.
        ValueError: The file is damaged, or no detector.
    """
    if device not in ("auto", "cpu"):
        raise SettingError(f"--device {device}: detectors in ONNX files run on the CPU; use cpu")
    session = _session(path)
    header, told = _header(path, session)
    takes: Any = told.get(INPUT_KEY)
    parameters = told.get(PARAMETERS_KEY, "")
    try:
        if takes not in get_args(GraphInput):
            raise ValueError(f"its input is {takes!r}")
        return OnnxDetector(name, header, session, takes, int(parameters), sizes)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path}: its header describes no detector ({error}); export it again"
        ) from None


def read_header(path: Path) -> Header:
    """Read the header of the checkpoint an ONNX file was exported from; raises as ``load``."""
    return _header(path, _session(path, only_header=True))[0]


def _header(path: Path, session: Any) -> tuple[Header, dict[str, str]]:  # noqa: ANN401
    told: dict[str, str] = session.get_modelmeta().custom_metadata_map
    if KEY not in told:
        raise ValueError(
            f"{path}: an ONNX file without a dmssn header; `dmssn export --onnx` writes those with"
        )
    return from_json(path, told[KEY], "detector"), told


def _session(path: Path, *, only_header: bool = False) -> Any:  # noqa: ANN401
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{path}: a detector in an ONNX file needs onnxruntime: pip install onnxruntime"
        ) from None
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such detector")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors, which are raised anyway
    options.intra_op_num_threads = threads_in_use()
    if only_header:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # of many types, none of which onnxruntime names in public
        raise ValueError(
            f"{path}: not a whole ONNX file that this onnxruntime understands ({_line(error)}); "
            "export it again"
        ) from None


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
