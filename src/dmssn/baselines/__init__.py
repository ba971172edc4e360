"""Classical detectors: from a cube to its saliency map, without training."""
