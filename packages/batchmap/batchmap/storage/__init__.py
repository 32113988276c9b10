"""Where files are, on this machine or in a store, and how they are read and written.

`storage.output_lease`, an output in a store, is no part of these names: only a run imports it.
"""

from batchmap.storage.atomic_write import (
    DRAFT_PREFIX,
    create_new,
    draft_path,
    replacing,
    sync_directory,
    write_whole,
)
from batchmap.storage.formats import INPUT_FORMATS, INPUT_SUFFIXES, OUTPUT_FORMATS, OUTPUT_SUFFIXES
from batchmap.storage.object_store import FoundFile, Store
from batchmap.storage.paths import (
    NamedPath,
    is_stream,
    journal_path,
    may_write,
    sync_path,
    why_unreadable,
    why_unwritable,
)
from batchmap.storage.same_file import is_same_file
from batchmap.storage.schemes import why_unusable
from batchmap.storage.secrets import SecretUrl, secret_of, variables_instead, without_secrets
from batchmap.storage.store_errors import store_errors, why_failed
from batchmap.storage.urls import Location, StoreUrl, location_of, scheme_of

__all__ = [
    "DRAFT_PREFIX",
    "INPUT_FORMATS",
    "INPUT_SUFFIXES",
    "OUTPUT_FORMATS",
    "OUTPUT_SUFFIXES",
    "FoundFile",
    "Location",
    "NamedPath",
    "SecretUrl",
    "Store",
    "StoreUrl",
    "create_new",
    "draft_path",
    "is_same_file",
    "is_stream",
    "journal_path",
    "location_of",
    "may_write",
    "replacing",
    "scheme_of",
    "secret_of",
    "store_errors",
    "sync_directory",
    "sync_path",
    "variables_instead",
    "why_failed",
    "why_unreadable",
    "why_unusable",
    "why_unwritable",
    "without_secrets",
    "write_whole",
]
