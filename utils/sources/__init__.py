"""Items from real inputs, taken one by one and as often as asked."""

from utils.sources._opening import INPUT_FORMATS, open_source
from utils.sources._source import Source
from utils.sources._text_lines import TextLines

__all__ = ["INPUT_FORMATS", "Source", "TextLines", "open_source"]
