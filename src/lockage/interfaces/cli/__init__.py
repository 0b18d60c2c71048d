"""The command line: option parsing, text for people, ``--json`` for programs, one place that turns errors into exit codes."""
