"""Ask a small model about a document fourteen times longer than its window, by two routes, with the evidence.

    python examples/demo.py

The document is the Python language reference that comes with every Python (465 kB). `auto` finds passages; `stream`
sends every token through the model. What the reference says is printed last, so that both can be checked.
"""

import sys
import tempfile
from pathlib import Path
from pydoc_data.topics import topics

from longspan.cli.main import main

QUESTION = "Which PEP describes the with statement?"
TRUTH = "PEP 343 - The “with” statement"


def demo() -> int:
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "python-reference.txt"
        document.write_text("\n\n".join(topics[name] for name in sorted(topics)), encoding="utf-8")
        print(f"{document.name}: {document.stat().st_size:,} bytes\nQuestion: {QUESTION}", flush=True)
        for route in ("auto", "stream"):
            print(f"\n=== longspan ask python-reference.txt ... --route {route}", flush=True)
            code = main(["ask", str(document), QUESTION, "--route", route, "--max-tokens", "60"])
            if code:
                return code
    print(f"\nThe reference says: {TRUTH}")
    return 0


if __name__ == "__main__":
    sys.exit(demo())
