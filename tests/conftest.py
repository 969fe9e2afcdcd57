import os
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Path:
    """Folder of official benchmark files and predictions: $LONGSPAN_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("LONGSPAN_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("needs the official files: set LONGSPAN_DATA to their folder")
    return folder
