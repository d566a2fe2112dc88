"""Conversion of dlib's network weights to ONNX."""
