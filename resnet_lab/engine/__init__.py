"""Training: from a RunSpec to weights and figures."""

from typing import TYPE_CHECKING

from resnet_lab.system.first_use import imported_on_first_use

if TYPE_CHECKING:
    from resnet_lab.engine.session import train

__all__ = ["train"]

__getattr__ = imported_on_first_use(__name__, {"train": "session"})
