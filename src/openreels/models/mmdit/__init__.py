"""The twin video and audio transformer."""
