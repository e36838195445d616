"""Ready flows: components, generate."""
