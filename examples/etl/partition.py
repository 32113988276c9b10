"""Drop repeated orders and write the rest to Parquet, partitioned by country and month.

What one worker sees of one row cannot tell whether an order came before; the whole can, and
a million orders fit into memory.
"""

import argparse
import shutil
from pathlib import Path

import polars as pl


def main() -> None:
    """Read one Parquet file or a directory of them, and write a directory of partitions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("orders", type=Path, help="a Parquet file, or a directory of them")
    parser.add_argument("target", type=Path, help="the directory to write; it is replaced")
    options = parser.parse_args()

    source = options.orders / "*.parquet" if options.orders.is_dir() else options.orders
    orders = pl.read_parquet(source)
    is_first = orders["order_id"].is_first_distinct()
    repeated = orders.filter(~is_first)

    draft = options.target.with_name(f"{options.target.name}.draft")
    for directory in (draft, options.target):
        shutil.rmtree(directory, ignore_errors=True)
    orders.filter(is_first).write_parquet(draft, partition_by=["country", "month"], mkdir=True)
    draft.rename(options.target)

    rejected = options.target.with_name(f"{options.target.name}-repeated.csv")
    repeated.with_columns(reason=pl.lit("order_id: came before")).write_csv(rejected)
    print(f"{len(orders) - len(repeated):,} orders in {options.target}")
    print(f"{len(repeated):,} repeated orders in {rejected}")


if __name__ == "__main__":
    main()
