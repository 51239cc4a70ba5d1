"""Expressions of the portable subset, and what Redshift documents that each answers: held on every engine."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

ANSWERS: list[tuple[str, Any]] = [
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("CAST(7 AS DOUBLE PRECISION) / 2", 3.5),
    ("CAST(CAST(7.50 AS DECIMAL(10,2)) / 2 AS DECIMAL(10,2))", Decimal("3.75")),
    ("MOD(-7, 3)", -1),
    ("ROUND(CAST(2.345 AS DECIMAL(10,3)), 2)", Decimal("2.35")),
    ("ROUND(CAST(-2.5 AS DECIMAL(10,1)))", Decimal("-3")),
    ("FLOOR(CAST(-2.5 AS DECIMAL(10,1)))", Decimal("-3")),
    ("CAST(2.5 AS INTEGER)", 3),
    ("GREATEST(1, NULL, 3)", 3),
    ("LEAST(NULL, 2, 3)", 2),
    ("'a' || NULL", None),
    ("NVL2(NULL, 1, 2)", 2),
    ("DECODE(NULL, NULL, 1, 2)", 1),
    ("NULLIF(1, 1)", None),
    ("SUBSTRING('warehouse', 2, 3)", "are"),
    ("SPLIT_PART('a-b-c', '-', 2)", "b"),
    ("SPLIT_PART('a-b-c', '-', 9)", ""),
    ("POSITION('b' IN 'abc')", 2),
    ("CHARINDEX('z', 'abc')", 0),
    ("LPAD('abc', 2, '0')", "ab"),
    ("LPAD('7', 3, '0')", "007"),
    ("REPLACE('aXbX', 'X', '-')", "a-b-"),
    ("TRIM('  a ')", "a"),
    ("TRIM(BOTH ' x' FROM ' xa bx')", "a b"),
    ("LTRIM('+-007', '+-0')", "7"),
    ("REGEXP_SUBSTR('ab12c3', '[0-9]+')", "12"),
    ("REGEXP_SUBSTR('ab', '[0-9]+')", ""),
    ("TRY_CAST('12' AS INTEGER)", 12),
    ("TRY_CAST('1x' AS INTEGER)", None),
    ("TRY_CAST('2023-02-29 00:00:00' AS TIMESTAMP)", None),
    ("LEFT('abc', 2) || RIGHT('abc', 1)", "abc"),
    ("'abc' ~ '^a.c$'", True),
    ("MD5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
    ("STRTOL(SUBSTRING(MD5('a'), 1, 15), 16)", 57446577476672362),
    ("CAST(DATE_TRUNC('week', CAST('2024-05-09' AS DATE)) AS DATE)", date(2024, 5, 6)),
    ("DATEADD(month, 1, CAST('2024-01-31' AS DATE))", datetime(2024, 2, 29)),
    ("DATEDIFF(month, CAST('2024-01-31' AS DATE), CAST('2024-02-01' AS DATE))", 1),
    ("DATEDIFF(day, CAST('2024-01-01 23:59:00' AS TIMESTAMP), CAST('2024-01-02 00:01:00' AS TIMESTAMP))", 1),
    ("DATEDIFF(hour, CAST('2024-01-01 00:59:00' AS TIMESTAMP), CAST('2024-01-01 01:01:00' AS TIMESTAMP))", 1),
    ("EXTRACT(dow FROM CAST('2024-05-12' AS DATE))", 0),
    ("EXTRACT(doy FROM CAST('2024-03-01' AS DATE))", 61),
    ("EXTRACT(quarter FROM CAST('2024-05-12' AS DATE))", 2),
    ("LAST_DAY(CAST('2024-02-11' AS DATE))", date(2024, 2, 29)),
    (
        "CONVERT_TIMEZONE('UTC', 'Asia/Kolkata', CAST('2024-01-01 20:00:00' AS TIMESTAMP))",
        datetime(2024, 1, 2, 1, 30),
    ),
    (
        "TO_CHAR(CAST('2024-01-02 03:04:05.000067' AS TIMESTAMP), 'YYYY-MM-DD HH24:MI:SS.US')",
        "2024-01-02 03:04:05.000067",
    ),
    ("CASE WHEN NULL THEN 1 ELSE 2 END", 2),
    ("1 IN (2, NULL)", None),
]

# ORDER BY, and where it puts 1, 2 and NULL.
NULL_ORDERS: list[tuple[str, list[int | None]]] = [
    ("a", [1, 2, None]),
    ("a DESC", [None, 2, 1]),
    ("a NULLS FIRST", [None, 1, 2]),
    ("a DESC NULLS LAST", [2, 1, None]),
]
