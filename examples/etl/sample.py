"""Make sample data: a CSV of orders, some of them dirty, and customers and rates in SQLite."""

import argparse
import csv
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import count, islice
from pathlib import Path

RATES = {"EUR": "1", "USD": "0.9215", "GBP": "1.1702", "CHF": "1.0378", "JPY": "0.006125"}
COUNTRIES = ("AT", "CH", "DE", "FR", "GB", "US")
COLUMNS = ("order_id", "customer_id", "ordered_on", "quantity", "unit_price", "currency")
FIRST_DAY = date(2024, 1, 1)

DIRT = {
    "customer_id": ("", "999999999", "C17"),
    "ordered_on": ("", "2024-02-30", "31/12/2024", "yesterday"),
    "quantity": ("0", "-3", "two", "1.5"),
    "unit_price": ("", "12,50", "n/a", "NaN", "-4.00", "0.001"),
    "currency": ("", "XXX", "EURO"),
}


def write_database(path: Path, customers: int, chance: random.Random) -> None:
    """Write the tables `customers` and `rates`."""
    path.unlink(missing_ok=True)
    rows = [
        (number, f"Customer {number}", chance.choice(COUNTRIES))
        for number in range(1, customers + 1)
    ]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, country TEXT)")
        database.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
        database.execute("CREATE TABLE rates (currency TEXT PRIMARY KEY, to_eur TEXT)")
        database.executemany("INSERT INTO rates VALUES (?, ?)", RATES.items())


def orders(
    number: int, customers: int, dirty: float, chance: random.Random
) -> Iterator[dict[str, str]]:
    """Yield orders; of those that are dirty, each sixth repeats the last clean one."""
    clean: dict[str, str] = {}
    for order_id in range(1, number + 1):
        is_dirty = chance.random() < dirty
        if is_dirty and clean and chance.random() < 1 / 6:
            yield clean
            continue
        order = {
            "order_id": str(order_id),
            "customer_id": str(chance.randint(1, customers)),
            "ordered_on": (FIRST_DAY + timedelta(days=chance.randrange(366))).isoformat(),
            "quantity": str(chance.randint(1, 20)),
            "unit_price": f"{chance.randint(100, 50_000) / 100:.2f}",
            "currency": chance.choice([*RATES, "EUR", " eur ", "usd"]),
        }
        if is_dirty:
            column = chance.choice(list(DIRT))
            order[column] = chance.choice(DIRT[column])
        else:
            clean = order
        yield order


def write_csvs(directory: Path, rows: Iterator[dict[str, str]], rows_per_file: int) -> None:
    """Write `orders.csv`, and the same rows again to the files of `orders/`."""
    with (directory / "orders.csv").open("w", newline="", encoding="utf-8") as whole:
        everything = csv.DictWriter(whole, COLUMNS)
        everything.writeheader()
        for number in count(1):
            some = list(islice(rows, rows_per_file))
            if not some:
                break
            everything.writerows(some)
            path = directory / "orders" / f"{number:04}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                part = csv.DictWriter(file, COLUMNS)
                part.writeheader()
                part.writerows(some)


def main() -> None:
    """Write `shop.db`, `orders.csv`, and its rows again in the files of `orders/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=Path("etl-data"))
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--dirty", type=float, default=0.03, help="the share of dirty rows")
    parser.add_argument("--rows-per-file", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    chance = random.Random(options.seed)
    shutil.rmtree(options.directory / "orders", ignore_errors=True)
    (options.directory / "orders").mkdir(parents=True)
    write_database(options.directory / "shop.db", options.customers, chance)
    rows = orders(options.orders, options.customers, options.dirty, chance)
    write_csvs(options.directory, rows, options.rows_per_file)
    print(f"{options.orders:,} orders of {options.customers:,} customers in {options.directory}")


if __name__ == "__main__":
    main()
