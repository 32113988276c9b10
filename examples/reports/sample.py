"""Make sample data: customers and their orders of a year in SQLite; some names hold markup."""

import argparse
import random
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

NAMES = (
    "Sample & Sons",
    "<script>alert('hello')</script>",
    "<b>Bold</b> Bakery",
    'Quotes "R" Us',
    "{{ 7 * 7 }} Templates",
    "</title><h1>Heading Ltd.",
    "**Stars** & __Lines__",
    "Müßig Möbel",
)
FOREIGN = "Ωmega Trading"
"""The name of each hundredth customer: no built-in font of a PDF holds its first letter."""

GOODS = ("Chair", "Desk", "Lamp <large>", "Shelf & brackets", "Sofa")
FIRST_DAY = date(2024, 1, 1)

TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers,
    ordered_on TEXT NOT NULL,
    goods TEXT NOT NULL,
    cents INTEGER NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer_id, ordered_on, id);
CREATE VIEW statements AS
SELECT
    customers.id AS customer_id,
    name,
    (
        SELECT json_group_array(json_object('day', ordered_on, 'goods', goods, 'cents', cents))
        FROM (SELECT * FROM orders WHERE customer_id = customers.id ORDER BY ordered_on, id)
    ) AS orders
FROM customers;
"""


def main() -> None:
    """Write the database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path, nargs="?", default=Path("shop.db"))
    parser.add_argument("--customers", type=int, default=300)
    parser.add_argument("--orders", type=int, default=40, help="orders of each customer")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    chance = random.Random(options.seed)
    options.database.unlink(missing_ok=True)
    with closing(sqlite3.connect(options.database)) as database, database:
        database.executescript(TABLES)
        for number in range(1, options.customers + 1):
            name = FOREIGN if number % 100 == 50 else NAMES[number % len(NAMES)]
            database.execute("INSERT INTO customers VALUES (?, ?)", (number, f"{name} {number}"))
            for _ in range(options.orders):
                day = FIRST_DAY + timedelta(days=chance.randrange(366))
                order = (number, day.isoformat(), chance.choice(GOODS), chance.randint(500, 90_000))
                database.execute(
                    "INSERT INTO orders (customer_id, ordered_on, goods, cents)"
                    " VALUES (?, ?, ?, ?)",
                    order,
                )
    print(f"{options.customers:,} customers with {options.orders} orders each: {options.database}")


if __name__ == "__main__":
    main()
