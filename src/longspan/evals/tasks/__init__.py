"""Tasks that make their own samples; a module's `TASKS` names its variants."""
