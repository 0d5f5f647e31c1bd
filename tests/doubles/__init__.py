"""Servers of our own that stand in for other people's, on loopback."""
