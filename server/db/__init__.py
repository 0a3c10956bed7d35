"""PostgreSQL: a pool, transactions, SQL constants, and rows that become Structs by position. No ORM."""

from server.db.pool import Db, Pool, Tx, Unsure, data_error
from server.db.sql import HASTY, SQL, columns

__all__ = ["HASTY", "SQL", "Db", "Pool", "Tx", "Unsure", "columns", "data_error"]
