"""A network that is shown a part of a scene, and knows the statistics of all of it.

The norms of the code, and the evidence that belongs to a spectrum, are statistics of the image a
network is given. Here they are those of the whole scene, gathered from its table of regions, which
may be too large to be held: it comes in blocks. What is around a pixel, and the norms of the
transformer, are the part's own.

Letters: B bands, C channels, R regions of the scene, r of a block or part, K directions.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from dmssn.models import evidence
from dmssn.models.autoencoder import EPSILON
from dmssn.models.network import DMSSN, OUTSIDE, spread
from dmssn.models.projection import Projection

Blocks = Callable[[], Iterable[tuple[slice, Tensor]]]
"""Gives the table from its first row to its last, block by block, anew at each call: which rows
these are, and their spectra, (r, B)."""


class WholeScene:
    """A network, and what it has to know of a scene before it is shown parts of it.

    Args:
        network: Evaluating, without training.
        blocks: The scene's spectra.
        area: Pixels of each, (R,) float32, on the network's device.
        region_map: (H, W) integer rows of the table, -1 outside.
        rows_of: Gives the spectra (r, B) of rows by their numbers, (r,).
    """

    def __init__(
        self,
        network: DMSSN,
        blocks: Blocks,
        area: Tensor,
        region_map: Tensor,
        rows_of: Callable[[Tensor], Tensor],
    ) -> None:
        """Goes through the blocks a few times."""
        self._network = network
        self._share = area.double() / area.sum(dtype=torch.float64)
        self._mean = sum(self._share[rows] @ table.double() for rows, table in blocks())
        self._layers: list[tuple[Tensor, Tensor, Tensor]] = []
        for weight in self._weights():
            made = ((rows, F.linear(self._code(table), weight)) for rows, table in blocks())
            self._layers.append((weight, *self._norm(made)))
        if network.with_evidence:
            self._axes, self._image = self._measured(blocks, area, region_map, rows_of)

    def saliency(self, spectra: Tensor, area: Tensor, rows: Tensor) -> Tensor:
        """Saliency of a part, (h, w) in [0, 1]; 0 outside.

        Args:
            spectra: Of its regions, (r, B).
            area: Their pixels in the whole scene, (r,).
            rows: (h, w) integer rows of ``spectra``, -1 outside; at least 32 x 32.
        """
        logits, _ = self._network.msst(self.seen(spectra, area, rows))
        return torch.sigmoid(logits)[0, 0] * (rows != OUTSIDE)

    def seen(self, spectra: Tensor, area: Tensor, rows: Tensor) -> Tensor:
        """What the transformer sees of a part, (1, C, h, w); arguments as of ``saliency``."""
        maps = spread(self._code(spectra), rows[None])
        if not self._network.with_evidence:
            return maps
        many = self._points(spectra)
        belonging = evidence.of_spectra(many, area, self._image)
        found = evidence.of_pixels(belonging, many[:, : evidence.FEW], rows)
        return torch.cat([maps, found[None]], dim=1)

    def _weights(self) -> list[Tensor]:
        """Matrices of the encoder's layers."""
        student = self._network.student
        if isinstance(student, Projection):
            return [student.weight]
        return [layer.conv.weight.flatten(1) for layer in student.encoder]  # type: ignore[union-attr, operator]

    def _code(self, spectra: Tensor) -> Tensor:
        """Spectra (r, B) through those layers whose norms are known."""
        bent = not isinstance(self._network.student, Projection)
        x = (spectra.double() - self._mean).float()
        for weight, centre, scale in self._layers:
            x = (F.linear(x, weight) - centre) * scale
            x = F.gelu(x) if bent else x
        return x

    def _norm(self, blocks: Iterator[tuple[slice, Tensor]]) -> tuple[Tensor, Tensor]:
        """Mean of each channel over the scene's pixels, and 1 / deviation."""
        total = square = self._share.new_zeros(())
        for rows, table in blocks:
            exact = table.double()
            total = total + self._share[rows] @ exact
            square = square + self._share[rows] @ exact.square()
        variance = (square - total.square()).clamp(min=0)
        return total.float(), torch.rsqrt(variance + EPSILON).float()

    def _measured(
        self,
        blocks: Blocks,
        area: Tensor,
        region_map: Tensor,
        rows_of: Callable[[Tensor], Tensor],
    ) -> tuple[tuple[Tensor, Tensor, Tensor], evidence.Image]:
        """Directions of the scene's spectra; and what their evidence has to know."""
        covariance = self._share.new_zeros(())
        for rows, table in blocks():
            apart = table.double() - self._mean
            covariance = covariance + apart.T @ (apart * self._share[rows, None])
        deviation = covariance.diagonal().clamp(min=0).sqrt()
        live = deviation > evidence.LEAST_VARIANCE
        standard = torch.where(live, 1 / deviation.clamp(min=evidence.LEAST_VARIANCE), 0.0)
        correlation = covariance * standard * standard[:, None]
        self._axes = (standard, *evidence.leading(correlation, evidence.MANY))
        sides = evidence.pixels_at_sides(region_map, len(area)).to(area.device)
        if not bool(sides.any()):
            sides = area
        centre, spread_out = self._at_sides(blocks, sides.double() / sides.sum())
        at_sides, anchors = (
            self._points(rows_of(ids))[:, : evidence.FEW]
            for ids in (evidence.ids_at_sides(region_map), evidence.ids_of_grid(region_map))
        )
        lower = evidence.factor(spread_out)
        image = evidence.Image(centre, lower, at_sides, anchors, area.sum())
        return self._axes, image

    def _at_sides(self, blocks: Blocks, share: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and covariance of the points of the scene's sides."""
        centre = square = self._share.new_zeros(())
        for rows, table in blocks():
            there = share[rows] > 0
            points = self._points(table[there])[:, : evidence.FEW].double()
            weight = share[rows][there]
            centre = centre + weight @ points
            square = square + points.T @ (points * weight[:, None])
        return centre, square - centre[:, None] * centre

    def _points(self, spectra: Tensor) -> Tensor:
        """Spectra (r, B) in the scene's directions, (r, MANY)."""
        standard, axes, scale = self._axes
        apart = (spectra.double() - self._mean) * standard
        many = (apart @ axes * scale).float()
        return F.pad(many, (0, evidence.MANY - many.shape[1]))
