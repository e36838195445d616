"""The networks, one folder each; folders do not import each other."""
