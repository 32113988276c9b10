"""Files that are reached by URL: what they are called, how they are read and written."""

from batchmap.storage.object_store import (
    Store,
    is_same_file,
    store_errors,
    why_failed,
    why_unusable,
)
from batchmap.storage.urls import Location, StoreUrl, location_of, scheme_of

__all__ = [
    "Location",
    "Store",
    "StoreUrl",
    "is_same_file",
    "location_of",
    "scheme_of",
    "store_errors",
    "why_failed",
    "why_unusable",
]
