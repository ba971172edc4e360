"""The cube, and what is known of its axes: wavelengths, and a place on a map."""

from dmssn.cube.georeference import Georeference, Transform
from dmssn.cube.image import BLOCK_BYTES, Cube, RowSource

__all__ = ["BLOCK_BYTES", "Cube", "Georeference", "RowSource", "Transform"]
