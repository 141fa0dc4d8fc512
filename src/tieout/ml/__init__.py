"""Forecast and anomalies: what the numbers say about tomorrow, and which of them look wrong.

Flow: Trino aggregates Silver (history.py, open_items.py, rules.py, features.py), models see floats and nothing else
does (models.py, backtest.py, isolation.py), their output becomes Decimal once (money.py), and a day's rows replace that
day's rows in one commit (tables.py). Deliberately absent: converted amounts. A series stays in its own currency.
"""
