"""Weights of the published networks under this project's names.

The published names and shapes are facts of the weight files; the tables below pair them with
ours. Stages and layers count from 0 here, mostly from 1 there.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from dmssn.models.autoencoder import Teacher
from dmssn.models.network import DMSSN

# Ours -> published, the starts of names.
NETWORK_STARTS = {
    "student.encoder.0.": "encoder.encoder.conv1.",
    "student.encoder.1.": "encoder.encoder.conv2.",
    "student.decoder.0.": "encoder.decoder.conv1.",
    "student.decoder.1.": "encoder.decoder.conv2.",
    "msst.head.classify.": "decoder.decoder.conv_seg.",
}
for _stage in range(4):
    NETWORK_STARTS |= {
        f"msst.stages.{_stage}.embed.": f"decoder.patch_embed{_stage + 1}.proj.",
        f"msst.stages.{_stage}.embed_norm.": f"decoder.patch_embed{_stage + 1}.norm.",
        f"msst.stages.{_stage}.blocks.": f"decoder.block{_stage + 1}.",
        f"msst.stages.{_stage}.norm.": f"decoder.norm{_stage + 1}.",
        f"msst.head.branches.{_stage}.0.": f"decoder.decoder.upconvs.{_stage}.conv.",
        f"msst.head.branches.{_stage}.1.": f"decoder.decoder.upconvs.{_stage}.groupnorm.",
    }
# Ours -> published, within a block of the transformer.
BLOCK_PARTS = {
    ".attention_norm.": ".norm1.",
    ".mlp_norm.": ".norm2.",
    ".attention.query.": ".attn.q.",
    ".attention.reduce.": ".attn.stride.",
    ".attention.spatial_key.0.": ".attn.spak.depth_conv.",
    ".attention.spatial_key.1.": ".attn.spak.point_conv.",
    ".attention.spatial_value.0.": ".attn.spav.depth_conv.",
    ".attention.spatial_value.1.": ".attn.spav.point_conv.",
    ".attention.spectral_key.": ".attn.spek.",
    ".attention.spectral_value.": ".attn.spev.",
    ".attention.project.": ".attn.proj.",
    ".mlp.widen.": ".mlp.fc1.",
    ".mlp.depthwise.": ".mlp.dwconv.",
    ".mlp.narrow.": ".mlp.fc2.",
}
TEACHER_STARTS = {"encoder.0.conv.": "encoder.conv1.", "encoder.4.conv.": "encoder.conv5."}
TEACHER_STARTS |= {f"decoder.{layer}.": f"decoder.conv{layer + 1}." for layer in range(6)}
for _block in range(1, 4):
    TEACHER_STARTS |= {
        f"encoder.{_block}.first.": f"encoder.conv{_block + 1}.conv1.",
        f"encoder.{_block}.second.": f"encoder.conv{_block + 1}.conv3.",
        f"encoder.{_block}.mix.": f"encoder.conv{_block + 1}.conv4.",
        f"encoder.{_block}.widen.": f"encoder.conv{_block + 1}.conv5.",
    }
# The published teacher computes these depthwise convolutions and overwrites what they gave.
TEACHER_UNUSED = {
    f"encoder.conv{block}.conv2.conv.{part}" for block in (2, 3, 4) for part in ("weight", "bias")
}


def from_published(
    state: Mapping[str, Tensor],
) -> tuple[Literal["network", "teacher"], int, dict[str, Tensor]]:
    """Rename a published state dict for ``DMSSN(bands)`` or ``Teacher(bands)``.

    Args:
        state: Tensors by published name, with or without the ``module.`` that saving from
            several GPUs puts before each.

    Returns:
        Which of the two it is, its number of bands, and the tensors by our name. The teacher's
        depthwise convolutions, which the published code does not use, are left out.

    Raises:
        ValueError: It is neither, or a tensor is missing, unknown or of another shape.
    """
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    if (first := state.get("encoder.encoder.conv1.conv.weight")) is not None:
        expected, starts, unused = _shapes(DMSSN, first.shape[1]), NETWORK_STARTS, set[str]()
        return "network", first.shape[1], _renamed(state, expected, starts, unused)
    if (first := state.get("encoder.conv1.weight")) is not None:
        expected, starts, unused = _shapes(Teacher, first.shape[1]), TEACHER_STARTS, TEACHER_UNUSED
        return "teacher", first.shape[1], _renamed(state, expected, starts, unused)
    raise ValueError(
        "not the weights of a published network: neither 'encoder.encoder.conv1.conv.weight' nor "
        f"'encoder.conv1.weight' is among its {len(state)} tensors"
    )


def _shapes(network: type[DMSSN] | type[Teacher], bands: int) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in network(bands).state_dict().items()}


def _renamed(
    state: Mapping[str, Tensor],
    expected: Mapping[str, torch.Size],
    starts: Mapping[str, str],
    unused: set[str],
) -> dict[str, Tensor]:
    published = {ours: _published_name(ours, starts) for ours in expected}
    if missing := sorted(set(published.values()) - set(state)):
        raise ValueError(f"published weights lack {missing[0]!r} ({len(missing)} tensors missing)")
    if unknown := sorted(set(state) - set(published.values()) - unused):
        raise ValueError(
            f"published weights hold {unknown[0]!r}, which no published network has "
            f"({len(unknown)} tensors unknown)"
        )
    for ours, theirs in published.items():
        if state[theirs].shape != expected[ours]:
            found, wanted = tuple(state[theirs].shape), tuple(expected[ours])
            raise ValueError(f"published weight {theirs!r} has shape {found}, expected {wanted}")
    return {ours: state[theirs] for ours, theirs in published.items()}


def _published_name(ours: str, starts: Mapping[str, str]) -> str:
    start = next(start for start in starts if ours.startswith(start))
    name = starts[start] + ours.removeprefix(start)
    for part, theirs in BLOCK_PARTS.items():
        name = name.replace(part, theirs)
    return name
