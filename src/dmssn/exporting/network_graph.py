"""A trained network as an ONNX graph, held against torch before it is kept.

The network itself goes through torch's exporter; evidence, which that cannot take, is a function
of ``evidence_graph`` that is put before it. The graph needs nothing but ONNX's own operators.

Letters: B bands, H rows, W columns, R regions, E kinds of evidence.
"""

import logging
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dmssn.checkpoint_header import KEY, Header, to_json
from dmssn.exporting.evidence_graph import give_functions
from dmssn.exporting.examples import example
from dmssn.exporting.linear_algebra import DOMAIN, OPSET
from dmssn.models.autoencoder import Packing
from dmssn.models.evidence import CHANNELS
from dmssn.models.network import DMSSN, spread
from dmssn.trained.onnx import INPUT_KEY, PARAMETERS_KEY, GraphInput

MOST_APART = 1e-4
"""That saliency in onnxruntime may differ from torch's, at any pixel."""
OUTPUT = "saliency"
EVIDENCE = "evidence"


class Compared(NamedTuple):
    """The most that a graph's map differs from torch's, at a size."""

    height: int
    width: int
    apart: float


class _OfRegions(nn.Module):
    """As ``DMSSN.saliency`` of one image, evidence given."""

    def __init__(self, network: DMSSN) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, spectra: Tensor, region_map: Tensor, evidence: Tensor | None = None
    ) -> Tensor:
        """(R, B), (H, W) and (1, E, H, W) to (H, W)."""
        rows, regions = region_map.long(), spectra.shape[0]
        places = torch.where(rows < 0, regions, rows).flatten()
        counts = torch.zeros(regions + 1).scatter_add(0, places, torch.ones_like(places).float())
        code = self.network.student.encode(spectra, Packing(counts[:-1], (regions,)))
        return _saliency(self.network, spread(code, rows[None]), evidence) * (rows >= 0)


class _OfCube(nn.Module):
    """As ``DMSSN.saliency_dense`` of one image, evidence given."""

    def __init__(self, network: DMSSN) -> None:
        super().__init__()
        self.network = network

    def forward(self, cube: Tensor, evidence: Tensor | None = None) -> Tensor:
        """(1, B, H, W) and (1, E, H, W) to (H, W)."""
        return _saliency(self.network, self.network.student.encode(cube), evidence)


def _saliency(network: DMSSN, code: Tensor, evidence: Tensor | None) -> Tensor:
    seen = code if evidence is None else torch.cat([code, evidence], dim=1)
    return torch.sigmoid(network.msst(seen)[0])[0, 0]


def network_graph(network: DMSSN, header: Header, takes: GraphInput) -> onnx.ModelProto:
    """A network as a graph, of any R, H and W from 32 up.

    Args:
        network: On the CPU, in evaluation mode.
        header: Of its checkpoint; it becomes metadata of the graph.
        takes: What the graph is to take.

    Returns:
        A model of one output, ``saliency`` (H, W) float32 in [0, 1], 0 outside all regions.
    """
    model = _exported(network, header.bands, takes)
    if network.with_evidence:
        _put_evidence_before(model, takes)
    for node in model.graph.node:  # the exporter notes where on this machine each comes from
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    model.producer_name = "dmssn"
    model.producer_version = str(header.provenance.get("version", ""))
    told = {
        KEY: to_json(header),
        INPUT_KEY: takes,
        PARAMETERS_KEY: str(sum(weight.numel() for weight in network.parameters())),
    }
    onnx.helper.set_model_props(model, told)
    return model


def _exported(network: DMSSN, bands: int, takes: GraphInput) -> onnx.ModelProto:
    """What torch's exporter makes of it; evidence, where there is any, is a further input."""
    free = torch.export.Dim.DYNAMIC
    height, width = 72, 104  # of an example; both are free in the graph
    given: dict[str, tuple[Tensor, dict[int, Any]]]
    if takes == "regions":
        spectra, region_map = (torch.from_numpy(part) for part in example(height, width, bands))
        given = {"spectra": (spectra, {0: free}), "region_map": (region_map, {0: free, 1: free})}
    else:
        given = {"cube": (torch.rand(1, bands, height, width), {2: free, 3: free})}
    if network.with_evidence:
        given[EVIDENCE] = (torch.rand(1, CHANNELS, height, width), {2: free, 3: free})
    module = _OfRegions(network) if takes == "regions" else _OfCube(network)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter's own making
        logger.setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                module.eval(),
                tuple(tensor for tensor, _ in given.values()),
                dynamo=True,
                input_names=list(given),
                output_names=[OUTPUT],
                dynamic_shapes=tuple(dims for _, dims in given.values()),
                opset_version=OPSET,
                verbose=False,
            )
        finally:
            logger.setLevel(level)
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return model


def _put_evidence_before(model: onnx.ModelProto, takes: GraphInput) -> None:
    """Have the graph compute what it takes as evidence, in place."""
    graph = model.graph
    kept = [each for each in graph.input if each.name != EVIDENCE]
    del graph.input[:]
    graph.input.extend(kept)
    name = "evidence" if takes == "regions" else "evidence_dense"
    node = onnx.helper.make_node(name, [each.name for each in kept], [EVIDENCE], domain=DOMAIN)
    graph.node.insert(0, node)
    give_functions(model)


def compare(
    network: DMSSN,
    bands: int,
    model: onnx.ModelProto,
    takes: GraphInput,
    sizes: Sequence[tuple[int, int]],
) -> list[Compared]:
    """Hold a graph in onnxruntime against its network in torch, on made-up scenes.

    Raises:
        ValueError: Their maps differ by more than ``MOST_APART`` at a pixel.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    found = []
    given: dict[str, NDArray[Any]]
    for height, width in sizes:
        spectra, region_map = example(height, width, bands)
        table, rows = torch.from_numpy(spectra), torch.from_numpy(region_map)
        area = torch.from_numpy(np.bincount(region_map.ravel() + 1)[1:].astype(np.float32))
        with torch.inference_mode():
            if takes == "regions":
                given = {"spectra": spectra, "region_map": region_map}
                wanted = network.saliency(table, rows[None], Packing(area, (len(table),)))
            else:
                cube = spread(table, rows[None].long()).contiguous()
                given = {"cube": cube.numpy()}
                wanted = network.saliency_dense(cube)
        got = session.run([OUTPUT], given)[0]
        found.append(Compared(height, width, float(np.abs(got - wanted[0, 0].numpy()).max())))
    worst = max(found, key=lambda one: one.apart)
    if not worst.apart <= MOST_APART:
        raise ValueError(
            f"at {worst.height} x {worst.width} the graph's map differs from torch's by "
            f"{worst.apart:.2g}, more than {MOST_APART:g}: it is not written; other versions of "
            "torch and onnxruntime may do"
        )
    return found
