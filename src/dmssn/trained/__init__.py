"""Trained detectors: what they share, and what runs their networks."""
