"""Files that are reached by URL: what they are called, how they are read and written."""

from utils.stores._store import Store, is_same_file, store_errors, why_failed, why_unusable
from utils.stores._urls import Place, StoreUrl, place_of, scheme_of

__all__ = [
    "Place",
    "Store",
    "StoreUrl",
    "is_same_file",
    "place_of",
    "scheme_of",
    "store_errors",
    "why_failed",
    "why_unusable",
]
