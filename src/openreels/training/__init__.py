"""Recipes, data, loop, resume."""
