"""One module a command, each with an ``app``; imported by ``main`` only when that command is asked for."""
