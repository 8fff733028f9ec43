"""Benchmarks: measuring, and the numbers that follow. No printing here."""
