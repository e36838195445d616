"""A file of weights in eight bits, half the size of half precision."""

from pathlib import Path

from openreels.weights.lora import read_any_header
from openreels.weights.tensors import read_tensors, write_tensors


def pack_file(source: str | Path, path: str | Path) -> None:
    """Write weights or low-rank changes with their matrices in eight bits, atomically.

    Everything that reads the source reads the result. Packing what is packed changes no number.

    Args:
        source: A file that ``save_network`` or ``save_lora`` wrote.
        path: A ``.safetensors`` file; replaced when it exists.

    Raises:
        ValueError: If there are numbers that are not finite.
        CheckpointError: If the source is missing, damaged or something else. Then nothing is
            written.
    """
    source = Path(source)
    read_any_header(source)  # refuses what is neither
    tensors, header = read_tensors(source)
    write_tensors(Path(path), tensors, header, packed=True)
