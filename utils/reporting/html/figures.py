"""Writes figures that need no script: the headline, bars with labels, one bar in parts."""

from __future__ import annotations

from collections.abc import Iterator

from ..document.model import Bar, Bars, Fact, Headline, Stack
from ..escaping import html_text

__all__ = ["bars_html", "headline_html", "stack_html"]


def headline_html(headline: Headline) -> Iterator[str]:
    """Yield the large figure with its bars, and the cards beside it."""
    figure = headline.figure
    yield '<div class="headline">'
    yield '<div class="hero">'
    if figure is not None:
        yield f'<p class="figure"><span class="label">{html_text(figure.label)}</span> '
        yield f'<strong class="{figure.tone}">{html_text(figure.value)}</strong> '
        yield f'<span class="told">{html_text(figure.note)}</span></p>'
    yield from bars_html(headline.bars)
    yield "</div>"
    yield '<dl class="facts">'
    yield from map(_card, headline.cards)
    yield "</dl></div>"


def bars_html(bars: Bars) -> Iterator[str]:
    """Yield bars below each other, each with its name before it and its figure behind it."""
    yield f'<figure class="bars"><figcaption>{html_text(bars.caption)}</figcaption><ul>'
    yield from map(_bar, bars.bars)
    yield "</ul></figure>"


def stack_html(stack: Stack) -> Iterator[str]:
    """Yield one bar in parts; those with room for it have a label."""
    yield f'<figure class="stack"><div role="img" aria-label="{html_text(stack.description)}">'
    for bar in stack.bars:
        label = f"<span>{html_text(bar.label)} {html_text(bar.value)}</span>"
        yield f'<span class="part {bar.look}" style="flex-grow:{bar.share:.4f}">{label}</span>'
    yield f"</div><figcaption>{html_text(stack.description)}</figcaption></figure>"


def _bar(bar: Bar) -> str:
    name = html_text(bar.label)
    if bar.link:
        name = f'<a href="#{bar.link}">{name}</a>'
    mark = "" if bar.mark is None else f'<span class="mark" style="left:{bar.mark:.2%}"></span>'
    return (
        f'<li class="{bar.look}"><span class="name">{name}</span>'
        f'<span class="track" aria-hidden="true">'
        f'<span class="fill" style="width:{bar.share:.2%}"></span>{mark}</span>'
        f'<span class="amount">{html_text(bar.value)}</span></li>'
    )


def _card(fact: Fact) -> str:
    bar = (
        ""
        if fact.share is None
        else f'<span class="share"><span style="width:{fact.share}"></span></span>'
    )
    return (
        f'<div class="{fact.tone}"><dt>{html_text(fact.label)}</dt>'
        f'<dd class="value">{html_text(fact.value)}</dd>'
        f'<dd class="told">{bar}{html_text(fact.note)}</dd></div>'
    )
