"""Where longspan keeps what it makes."""

import os
from pathlib import Path


def home() -> Path:
    """Folder of the store, the models and the runs: LONGSPAN_HOME when set, else the platform's cache folder."""
    named = os.environ.get("LONGSPAN_HOME")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("longspan", appauthor=False))
