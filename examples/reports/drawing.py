"""What a statement is drawn with: the bars of its chart, and the page and font of a PDF."""

import os
from datetime import UTC, datetime
from typing import Any

from fpdf import FPDF

FONT_FILE = os.environ.get("STATEMENT_FONT")
"""A TrueType font; the built-in one holds Western European letters only."""

WRITTEN_ON = datetime(2025, 1, 1, tzinfo=UTC)
"""A fixed time, so that the same statement is the same file."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def monthly_bars(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a bar for each month, the tallest being 100 high."""
    cents = [0] * len(MONTHS)
    for order in orders:
        cents[int(order["day"][5:7]) - 1] += order["cents"]
    most = max(*cents, 1)
    return [
        {"month": month, "amount": amount / 100, "height": round(100 * amount / most, 1)}
        for month, amount in zip(MONTHS, cents, strict=True)
    ]


def new_pdf(title: str) -> FPDF:
    """Return a PDF of one page with its title."""
    pdf = FPDF()
    pdf.set_creation_date(WRITTEN_ON)
    pdf.set_title(title)
    pdf.add_page()
    if FONT_FILE:
        pdf.add_font("statement", fname=FONT_FILE)
    pdf.set_font("statement" if FONT_FILE else "helvetica", size=18)
    pdf.multi_cell(0, text=title, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(3)
    pdf.set_font(size=10)
    return pdf


def draw_bars(pdf: FPDF, bars: list[dict[str, Any]]) -> None:
    """Draw the bars where the PDF is, 40 mm high, and go on below them."""
    left, bottom = pdf.l_margin, pdf.get_y() + 44
    width = pdf.epw / len(bars)
    pdf.set_fill_color(59, 110, 165)
    for number, bar in enumerate(bars):
        height = 0.4 * bar["height"]
        pdf.rect(left + number * width + 1, bottom - height, width - 2, height, style="F")
        pdf.set_xy(left + number * width, bottom)
        pdf.cell(width, 5, text=bar["month"], align="C")
    pdf.set_xy(left, bottom + 8)
