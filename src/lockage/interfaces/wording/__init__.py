"""What more than one output says of a forecast, in the same words: pure, from the record alone; no console and no markup."""
