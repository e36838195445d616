"""Checkpoints: safetensors with the config inside, loaded strictly."""
