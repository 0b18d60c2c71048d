"""A database's catalog as data: what is there, where two of them differ, and the SQL that makes one like the other."""
