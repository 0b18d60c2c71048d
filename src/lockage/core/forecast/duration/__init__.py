"""How long each statement takes: amounts of work by what PostgreSQL does, seconds by what the server manages."""
