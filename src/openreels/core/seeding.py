"""One seed gives an independent generator for each purpose."""

import hashlib

import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """Hash a seed and a purpose into a new 63-bit seed.

    Args:
        seed: Any integer.
        purpose: Words and indices that name what the draw is for, e.g. ``("noise", "audio")``.

    Returns:
        An integer in [0, 2**63), the same on every machine and in every process.
    """
    text = "/".join([str(int(seed)), *(str(part) for part in purpose)])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Make a CPU generator for one purpose, so that adding a draw elsewhere changes nothing here.

    Args:
        seed: Any integer.
        purpose: Words and indices that name what the draw is for.

    Returns:
        A seeded CPU generator. Noise is drawn on the CPU and moved, so that a seed means the same
        on every device.
    """
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))
