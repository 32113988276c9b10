"""Turn a row of a CSV of orders into a typed order in euros, joined with its customer.

Customers and rates are read from `shop.db` in the directory $ETL_DATA, by default `etl-data`.
"""

import os
import sqlite3
from contextlib import closing
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StringConstraints, ValidationError

DATA = Path(os.environ.get("ETL_DATA", "etl-data")).absolute()

countries: dict[int, str] = {}
rates: dict[str, Decimal] = {}


class Order(BaseModel):
    """What a row must hold, and the type of each column."""

    model_config = ConfigDict(extra="forbid")

    order_id: PositiveInt
    customer_id: PositiveInt
    ordered_on: date
    quantity: Annotated[int, Field(ge=1, le=1000)]
    unit_price: Annotated[Decimal, Field(gt=0, max_digits=9, decimal_places=2)]
    currency: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True)]


def load() -> None:
    """Read customers and rates, once in each worker: a million orders cost no query."""
    with closing(sqlite3.connect(f"{(DATA / 'shop.db').as_uri()}?mode=ro", uri=True)) as database:
        countries.update(database.execute("SELECT id, country FROM customers"))
        for currency, to_eur in database.execute("SELECT currency, to_eur FROM rates"):
            rates[currency] = Decimal(to_eur)


def transform(row: dict[str, str]) -> dict[str, Any]:
    """Return the order of a row; the error of one that is rejected says why."""
    try:
        order = Order.model_validate(row)
    except ValidationError as error:
        reasons = [f"{reason['loc'][0]}: {reason['msg']}" for reason in error.errors()]
        raise ValueError("; ".join(reasons)) from None
    if order.currency not in rates:
        raise ValueError(f"currency: there is no rate for {order.currency!r}")
    if order.customer_id not in countries:
        raise ValueError(f"customer_id: there is no customer {order.customer_id}")
    amount = order.quantity * order.unit_price * rates[order.currency]
    return {
        **order.model_dump(),
        "country": countries[order.customer_id],
        "month": f"{order.ordered_on:%Y-%m}",
        "amount_eur": amount.quantize(Decimal("0.01"), ROUND_HALF_UP),
    }
