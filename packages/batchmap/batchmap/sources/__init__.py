"""Where items come from: files, patterns, stores, databases and standard input.

How to add a source is said in `sources/factory.py`.
"""

from batchmap.sources.base import InputRecord, Source
from batchmap.sources.factory import open_source
from batchmap.sources.guarded import reader_of_blocks
from batchmap.sources.line_blocks import LineBlock
from batchmap.sources.listing.glob_files import MatchingFiles
from batchmap.sources.listing.glob_urls import MatchingUrls
from batchmap.sources.listing.inputs import open_inputs
from batchmap.sources.reading_options import ReadingOptions
from batchmap.sources.repeatable import SourceItems, TextLines

__all__ = [
    "InputRecord",
    "LineBlock",
    "MatchingFiles",
    "MatchingUrls",
    "ReadingOptions",
    "Source",
    "SourceItems",
    "TextLines",
    "open_inputs",
    "open_source",
    "reader_of_blocks",
]
