"""Bytes to tensors and back; the only room that touches codecs."""
