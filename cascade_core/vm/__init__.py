"""Planned graphs as instructions, and the machine that runs them."""
