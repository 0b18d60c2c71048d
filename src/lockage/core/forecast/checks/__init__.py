"""What of a script fails on the data that is there, and the read-only queries that tell before it runs."""
