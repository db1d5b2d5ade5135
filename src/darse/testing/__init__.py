"""Adapters and files to what holds: tables, comparisons, gates and backtests."""
