"""From what a target server has told of its speed to the rates that durations are reckoned with."""
