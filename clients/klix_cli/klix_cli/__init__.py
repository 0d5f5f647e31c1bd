"""The command line of Klix: a thin client of its REST API."""
