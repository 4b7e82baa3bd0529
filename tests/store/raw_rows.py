"""A look into a store behind its back, as somebody with a shell of the database would take it."""

from __future__ import annotations

import apsw
import psycopg

__all__ = ["raw_rows"]


def raw_rows(url, query, *values, tenant="default"):
    """Rows of `query`, whose values are `?`, over a connection of its own."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        connection = apsw.Connection(path if tenant == "default" else f"{path}.tenants/{tenant}.db")
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()
    with psycopg.connect(url, options=f"-c search_path=tieout_{tenant}") as connection:
        cursor = connection.execute(query.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []
