"""Write a customer's statement, with a chart, as a page and as a PDF.

Both go to the directory $STATEMENTS, by default `statements`.
"""

import json
import os
from pathlib import Path
from typing import Any

from drawing import draw_bars, monthly_bars, new_pdf
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TARGET = Path(os.environ.get("STATEMENTS", "statements")).absolute()
TEMPLATES = FileSystemLoader(Path(__file__).parent)
PAGES = Environment(loader=TEMPLATES, autoescape=True, undefined=StrictUndefined)
PAGES.filters["money"] = money = "{:,.2f} EUR".format


def write_statement(row: dict[str, Any]) -> dict[str, Any]:
    """Write the page and the PDF of a customer; return their names and the total."""
    orders = json.loads(row["orders"])
    total = sum(order["cents"] for order in orders) / 100
    facts = {"name": row["name"], "orders": orders, "total": total, "bars": monthly_bars(orders)}
    page = PAGES.get_template("statement.html").render(facts).encode()
    pdf = pdf_of(facts)
    stem = f"{row['customer_id']:06}"
    return {
        "customer_id": row["customer_id"],
        "total": total,
        "page": write(f"{stem}.html", page),
        "pdf": write(f"{stem}.pdf", pdf),
    }


def pdf_of(facts: dict[str, Any]) -> bytes:
    """Return the statement as a PDF; a name that holds markup is text there, too."""
    pdf = new_pdf(f"Statement for {facts['name']}")
    total = f"Total of {len(facts['orders'])} orders: {money(facts['total'])}"
    pdf.cell(text=total, new_x="LMARGIN", new_y="NEXT")
    draw_bars(pdf, facts["bars"])
    for order in facts["orders"]:
        pdf.cell(30, 6, text=order["day"])
        pdf.cell(110, 6, text=order["goods"])
        pdf.cell(0, 6, text=money(order["cents"] / 100), align="R", new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def write(name: str, content: bytes) -> str:
    """Write a file whole or not at all, and return its name."""
    TARGET.mkdir(parents=True, exist_ok=True)
    draft = TARGET / f".{name}.draft"
    draft.write_bytes(content)
    draft.replace(TARGET / name)
    return name
