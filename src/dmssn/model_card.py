"""Model cards: what a checkpoint's header tells, as a page people read before they use weights."""

import json
from collections.abc import Mapping
from typing import Any

from dmssn.checkpoint_header import Header

TAGS = ("hyperspectral", "salient-object-detection", "remote-sensing")
SHOWN = {
    "val/mae": "mean absolute error",
    "val/f_mean": "F-measure, mean over thresholds",
    "val/f_max": "F-measure, best threshold",
    "val/auc": "area under the ROC curve",
}
"""Validation metrics a card shows, and what they are; others go by their names."""


def model_card(
    header: Header,
    name: str,
    *,
    source: str,
    size: int,
    license: str | None = None,
) -> str:
    """The model card of a detector, in Markdown with the metadata the Hugging Face hub reads.

    Args:
        header: Of its checkpoint.
        name: Of the detector.
        source: What ``from_pretrained`` is to be given.
        size: Of the checkpoint, in bytes.
        license: Of the weights, as the hub names it; left out where it is not known.
    """
    front = ["library_name: dmssn", "pipeline_tag: image-segmentation", "tags:"]
    front += [f"- {tag}" for tag in TAGS]
    if license is not None:
        front.append(f"license: {json.dumps(license)}")
    parts = [
        "\n".join(["---", *front, "---"]),
        f"# {name}",
        "Weights of a detector of `dmssn`: it gives each pixel of a hyperspectral cube its "
        "saliency, from 0 to 1. Saliency is not a class: the map says that something stands out, "
        "not what it is.",
        "## Use",
        "    pip install 'dmssn[hub]'",
        "\n".join(
            [
                "```python",
                "import dmssn",
                "",
                f"detector = dmssn.from_pretrained({json.dumps(source)})",
                'saliency = detector(dmssn.read_cube("cube.hdr"))  # (H, W) float32 in [0, 1]',
                "```",
            ]
        ),
        "## What it takes",
        _table(_taken(header, size)),
        "## What it was trained on",
        _table(_trained(header)),
        "## How good it is",
        _scores(header),
        "## What is not known",
        "What is not in the tables above was not measured. Before it is trusted on another camera, "
        "light or kind of scene, score it there: `dmssn benchmark` and `dmssn evaluate` do.",
    ]
    return "\n\n".join(parts) + "\n"


def _taken(header: Header, size: int) -> dict[str, str]:
    wavelengths = header.wavelengths_nm
    of_camera = header.mean is not None
    model = header.model
    msst = model.get("msst", {})
    return {
        "bands": f"{header.bands}; a cube of others is resampled, from 3 bands up",
        "wavelengths": "not told: cubes are matched along their band order"
        if wavelengths is None
        else f"{wavelengths[0]:g} to {wavelengths[-1]:g} nm",
        "units": "those of the training scenes, whose statistics standardize the bands"
        if of_camera
        else "any: the cube's own statistics standardize the bands",
        "working size": f"{header.prepare.get('size', 'unknown')} pixels a side; maps come back at "
        "the cube's own size",
        "network": f"encoder {model.get('encoder', 'student')}, "
        f"{'with' if model.get('evidence') else 'without'} evidence, "
        f"head {msst.get('head', 'sum')}",
        "file": f"{size / 1e6:.1f} MB of safetensors, which run no code when they are loaded",
    }


def _trained(header: Header) -> dict[str, str]:
    provenance = header.provenance
    recipe = provenance.get("recipe")
    detector: Mapping[str, Any] = recipe.get("detector", {}) if isinstance(recipe, Mapping) else {}
    fit: Mapping[str, Any] = detector.get("fit", {})
    scenes = provenance.get("scenes")
    told = {
        "data set": provenance.get("set"),
        "scenes": ", ".join(f"{count} {split}" for split, count in scenes.items())
        if isinstance(scenes, Mapping)
        else None,
        "epochs": fit.get("epochs"),
        "learning rate": fit.get("learning_rate"),
        "imported from": provenance.get("imported"),
        "dmssn": provenance.get("version"),
        "torch": provenance.get("torch"),
        "commit": provenance.get("commit"),
    }
    return {key: str(value) for key, value in told.items() if value is not None} or {
        "provenance": "not told"
    }


def _scores(header: Header) -> str:
    found = {
        SHOWN.get(key, key.removeprefix("val/")): f"{value:.4g}"
        for key, value in header.metrics.items()
        if key.startswith("val/") and isinstance(value, int | float)
    }
    if not found:
        return "The checkpoint tells no scores."
    said = "On its own validation scenes, which chose the weights: real use scores otherwise."
    return f"{said}\n\n{_table(found)}"


def _table(rows: Mapping[str, str]) -> str:
    lines = [f"| {key} | {_cell(value)} |" for key, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
