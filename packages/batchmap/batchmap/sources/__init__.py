"""Items from real inputs, taken one by one and as often as asked."""

from batchmap.sources.base import Source
from batchmap.sources.factory import open_source
from batchmap.sources.text_lines import TextLines

__all__ = ["Source", "TextLines", "open_source"]
