"""The prompt encoder that both branches share."""
