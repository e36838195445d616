"""Stereo waveform to audio latents and back."""
