"""Detectors in the form of other runtimes: graphs of ONNX."""
