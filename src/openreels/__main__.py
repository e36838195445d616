"""``python -m openreels`` is the same as ``openreels``."""

from openreels.cli.main import run

if __name__ == "__main__":
    run()
