"""Ways out of a broken state: of a run that is part-way, of a dirty ledger, of whatever a diagnosis has found."""
