"""Items from real inputs, taken one by one and as often as asked."""

from utils.sources._text_lines import TextLines

__all__ = ["TextLines"]
