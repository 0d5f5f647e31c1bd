"""Sets of calls: starting runs, placing their calls, comparing them, and telling somebody."""
