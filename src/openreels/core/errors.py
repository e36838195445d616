"""Error types of the package; wrong values passed by a caller are plain ``ValueError``."""


class MediaError(ValueError):
    """A media file that cannot be read, decoded or written."""


class CheckpointError(ValueError):
    """A weights file that is missing, corrupt or does not fit its network."""


class MissingExtraError(ImportError):
    """An optional package that is not installed; the message names the extra."""
