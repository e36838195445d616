"""The Stage world: procedural scenes with exact truth."""
