"""Turn a whole file of orders into a Parquet file: the rows of `orders.py`, many at a time.

Each file goes to `staged` in the directory $ETL_DATA; what comes back is small.
"""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from orders import DATA, load, transform

__all__ = ["load", "transform_file"]

SCHEMA = pa.schema(
    {
        "order_id": pa.int64(),
        "customer_id": pa.int64(),
        "ordered_on": pa.date32(),
        "quantity": pa.int64(),
        "unit_price": pa.decimal128(9, 2),
        "currency": pa.string(),
        "country": pa.string(),
        "month": pa.string(),
        "amount_eur": pa.decimal128(18, 2),
    }
)


def transform_file(path: str) -> dict[str, Any]:
    """Write the good orders of a file; return how many, and the rejected rows with reasons."""
    orders: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, restkey="surplus")
        for row in rows:
            try:
                orders.append(transform(row))
            except ValueError as error:
                rejected.append({"line": rows.line_num, "reason": str(error), "row": row})

    staged = DATA / "staged" / Path(path).with_suffix(".parquet").name
    staged.parent.mkdir(exist_ok=True)
    draft = staged.with_suffix(".draft")
    pq.write_table(pa.Table.from_pylist(orders, SCHEMA), draft)
    draft.replace(staged)  # at once, so that a killed run leaves no half file
    return {"file": staged.name, "orders": len(orders), "rejected": rejected}
