"""Video latents to tokens and back."""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def patchify(latents: Float[Tensor, "b c f h w"], patch: int) -> Float[Tensor, "b n p"]:
    """Cut every latent frame into squares, one token each.

    Args:
        latents: Any number of channels.
        patch: Side of a square in latent cells, >= 1; divides rows and columns.

    Returns:
        Tokens in the order frame, row, column; channels in the order row, column, channel.

    Raises:
        ValueError: If the patch does not divide rows and columns.
    """
    rows, columns = latents.shape[-2:]
    check_patch(rows, columns, patch)
    return rearrange(latents, "b c f (h p) (w q) -> b (f h w) (p q c)", p=patch, q=patch)


def unpatchify(
    tokens: Float[Tensor, "b n p"], grid: tuple[int, int, int], patch: int
) -> Float[Tensor, "b c f h w"]:
    """Put tokens back on the latent grid; the inverse of ``patchify``.

    Args:
        tokens: In the order frame, row, column.
        grid: Latent frames, rows and columns, in latent cells.
        patch: Side of a square in latent cells, >= 1; divides rows and columns.

    Returns:
        Latents on the grid.

    Raises:
        ValueError: If the patch does not divide the grid, or the tokens do not fill it.
    """
    frames, rows, columns = grid
    check_patch(rows, columns, patch)
    needed = frames * (rows // patch) * (columns // patch)
    if tokens.shape[1] != needed or tokens.shape[2] % patch**2:
        raise ValueError(
            f"a {frames}x{rows}x{columns} grid with patch {patch} must have {needed} tokens of a "
            f"multiple of {patch**2} channels, got {tuple(tokens.shape[1:])}"
        )
    return rearrange(
        tokens,
        "b (f h w) (p q c) -> b c f (h p) (w q)",
        f=frames,
        h=rows // patch,
        w=columns // patch,
        p=patch,
        q=patch,
    )


def check_patch(rows: int, columns: int, patch: int) -> None:
    """Refuse a patch that does not divide the grid.

    Raises:
        ValueError: Naming the nearest grid that is possible.
    """
    if patch < 1:
        raise ValueError(f"patch must be at least 1, got {patch}")
    if rows % patch or columns % patch:
        nearest = tuple(max(patch, round(side / patch) * patch) for side in (rows, columns))
        raise ValueError(
            f"rows and columns must be multiples of patch {patch}, got {(rows, columns)}; "
            f"the nearest are {nearest}"
        )
