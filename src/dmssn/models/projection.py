"""A fixed linear projection of spectra, in place of the student: what a trained code is worth.

Letters: N images, B bands, C channels, H rows, W columns, R regions of all images together; dense
and packed batches are those of ``models.autoencoder``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmssn.models.autoencoder import Packing, centred, check_bands, instance_norm


class Projection(nn.Module):
    """B bands to C channels by a matrix that is not trained, then instance norm.

    Unlike a layer of the student it has no GELU after the norm, so that nothing of the projection
    is bent; the transformer gets channels of mean 0 and variance 1, as it does from a norm there.

    Args:
        bands: B, at least 3.
        code: C, rows of the matrix.

    Attributes:
        weight: The matrix, shape (C, B): zeros until it is filled. A buffer: it is saved with the
            network, and no optimizer or penalty sees it.
    """

    weight: Tensor

    def __init__(self, bands: int, code: int = 32) -> None:
        """Raises ValueError for fewer than 3 bands."""
        super().__init__()
        check_bands(bands)
        self.register_buffer("weight", torch.zeros(code, bands))

    def forward(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """Code of spectra in [0, 1]: dense (N, B, H, W) to (N, C, H, W), or (R, B) to (R, C)."""
        # A lower precision would round weak channels away, which the norm then makes large.
        with torch.autocast(x.device.type, enabled=False):
            x = centred(x.to(self.weight.dtype), packing)
            if packing is None:
                return instance_norm(F.conv2d(x, self.weight[:, :, None, None]))
            return instance_norm(F.linear(x, self.weight), packing)

    def encode(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """As ``forward``: there is no decoder to leave out."""
        code: Tensor = self(x, packing)
        return code


def evenly_spaced_bands(bands: int, code: int) -> Tensor:
    """A projection that takes bands as they are, the first, the last and evenly between them.

    Returns:
        Shape (code, bands), a single 1 in each row. With fewer bands than rows some are taken
        more than once: the transformer's width does not change with the camera.

    Example:
        >>> evenly_spaced_bands(5, 3).argmax(dim=1).tolist()
        [0, 2, 4]
        >>> evenly_spaced_bands(3, 5).argmax(dim=1).tolist()
        [0, 0, 1, 2, 2]
    """
    nearest = torch.linspace(0, bands - 1, code, dtype=torch.float64).round().long()
    return F.one_hot(nearest, bands).float()
