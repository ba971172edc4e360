"""Scenes larger than the memory: homogenized as a whole from disk, shown to a network in tiles."""
