"""openreels: the open implementation of SkyReels-V4."""
