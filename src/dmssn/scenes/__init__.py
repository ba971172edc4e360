"""Generated scenes: cubes with salient objects and their masks, made from a seed."""

from dmssn.scenes.composing import Scene, generate_scene

__all__ = ["Scene", "generate_scene"]
