"""Detectors compared on the same scenes."""
