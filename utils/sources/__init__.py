"""Items from real inputs, taken one by one and as often as asked."""

from utils.sources._opening import open_source
from utils.sources._source import Source
from utils.sources._text_lines import TextLines

__all__ = ["Source", "TextLines", "open_source"]
