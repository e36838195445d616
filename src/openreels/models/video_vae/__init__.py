"""Pixels to video latents and back, causal in time."""
