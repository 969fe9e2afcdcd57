"""Doctests of modules that import an extra run where it is installed."""

from importlib.util import find_spec

_ADAPTERS = {"inspect_ai": "inspect", "lm_eval": "lm_eval", "ray": "ray"}

collect_ignore = [f"src/longspan/evals/adapters/{name}.py" for extra, name in _ADAPTERS.items() if not find_spec(extra)]
