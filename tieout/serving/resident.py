"""Where what is resident is kept: beside the store, so that a restart need not index anew."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from rpc.resident_folder import ResidentFolder
from tieout.serving.folders import lasting_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tieout.configuration import Configuration

__all__ = ["resident_folders"]


def resident_folders(
    configuration: Configuration, tenants: Iterable[str], spool: Path
) -> dict[str, ResidentFolder]:
    """The folder of each tenant. A store that is sealed at rest leaves nothing readable behind: its
    folders are in `spool`, which is cleared.
    """
    lasting = lasting_folder(configuration)
    if configuration.store.encryption_key_file:
        shutil.rmtree(lasting, ignore_errors=True)
        lasting = spool / "resident"
    return {name: ResidentFolder(lasting / name) for name in tenants}
