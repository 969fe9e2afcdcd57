"""A method's frequencies as settings of other engines: found, proved on logits, or refused with the reason."""

from longspan.models.export.engines import ENGINES, Exported, export

__all__ = ["ENGINES", "Exported", "export"]
