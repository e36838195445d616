"""Shared words: shapes on the one clock, requests, errors, seeds; no networks, no files."""
