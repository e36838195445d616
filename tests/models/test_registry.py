import subprocess
import sys

import pytest
from torch import nn

from openreels.models import registry


def test_unknown_names_and_classes_are_refused():
    with pytest.raises(ValueError, match="one of video_vae, audio_vae, text_encoder, mmdit"):
        registry.config_class("vae")
    with pytest.raises(ValueError, match="Linear is not a registered network"):
        registry.name_of(nn.Linear(1, 1))


def test_reading_the_table_imports_no_network():
    code = (
        "import sys, openreels.models.registry;"
        "print([m for m in sys.modules if m.startswith('openreels.models.') and m.count('.') > 2])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
