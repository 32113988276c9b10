"""Files that are reached by URL: what they are called, how they are read and written."""

from utils.stores._outputs import StoredOutput, kept_beside
from utils.stores._store import Store, is_same_file, store_errors, why_unusable
from utils.stores._urls import Place, StoreUrl, place_of, scheme_of

__all__ = [
    "Place",
    "Store",
    "StoreUrl",
    "StoredOutput",
    "is_same_file",
    "kept_beside",
    "place_of",
    "scheme_of",
    "store_errors",
    "why_unusable",
]
