"""Layers that two networks or more share."""
