"""Data sets: where the cubes, masks and splits of each one are. One file a data set."""
