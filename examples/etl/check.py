"""Check the partitions against one query on the raw CSV that shares no code with the task."""

import argparse
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

EXPECTED = r"""
    WITH raw AS (
        SELECT *, upper(trim(currency)) AS code, row_number() OVER () AS place
        FROM read_csv($csv, header = true, all_varchar = true)
    ),
    good AS (
        SELECT raw.order_id, country, left(ordered_on, 7) AS month, place,
            round(quantity::INT * unit_price::DECIMAL(9, 2) * to_eur::DECIMAL(9, 6), 2) AS amount
        FROM raw
        JOIN customers ON raw.customer_id = customers.id::VARCHAR
        JOIN rates ON raw.code = rates.currency
        WHERE try_cast(ordered_on AS DATE)::VARCHAR = ordered_on
            AND regexp_full_match(quantity, '[1-9]\d{0,2}|1000')
            AND regexp_full_match(unit_price, '\d{1,7}(\.\d{1,2})?')
            AND try_cast(unit_price AS DOUBLE) > 0
    )
    SELECT country, month, count(*), sum(amount)::VARCHAR
    FROM (SELECT DISTINCT ON (order_id) * FROM good ORDER BY order_id, place)
    GROUP BY ALL ORDER BY ALL
"""
WRITTEN = """
    SELECT country, month, count(*), sum(amount_eur)::VARCHAR
    FROM read_parquet($files, hive_partitioning = true, hive_types_autocast = false)
    GROUP BY ALL ORDER BY ALL
"""


def main() -> None:
    """Compare number and sum of each country and month; exit 1 when they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path, help="the raw orders; shop.db lies beside them")
    parser.add_argument("partitions", type=Path)
    options = parser.parse_args()

    query = duckdb.connect(config={"threads": 1})
    with closing(sqlite3.connect(options.csv.with_name("shop.db"))) as database:
        for table in ("customers", "rates"):
            query.register(table, columns(database.execute(f"SELECT * FROM {table}")))
    expected = query.execute(EXPECTED, {"csv": str(options.csv)}).fetchall()
    files = f"{options.partitions}/**/*.parquet"
    written = query.execute(WRITTEN, {"files": files}).fetchall()

    for row in sorted(set(expected) ^ set(written)):
        print("expected" if row in expected else "written", *row)
    total = sum(row[2] for row in expected)
    same = "equal" if expected == written else "DIFFERENT"
    print(f"{len(expected)} partitions, {total:,} orders: {same}")
    sys.exit(expected != written)


def columns(rows: sqlite3.Cursor) -> Any:
    """Return the rows of a query as an Arrow table."""
    names = [column[0] for column in rows.description]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


if __name__ == "__main__":
    main()
