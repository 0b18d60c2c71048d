"""Text without credentials, for errors, notes and runbooks on a person's own terminal.

Not for bundles (``redaction``): e-mail addresses stay, statements too but for a ticket, and every secret becomes the same
``***``. The surprising thing: it works on any text, log lines and SQL included, so it rather masks a harmless word than lets a
password through.
"""

from __future__ import annotations

MASK = "***"


def mask_secrets(text: str) -> str:
    """The text with ``***`` in place of every password and token that it shows; masking twice changes nothing more."""
    # Late: every command imports this, and most have nothing to mask. Its patterns take a while to be made.
    from lockage.core.redaction.redaction import masked_credentials  # noqa: PLC0415

    return masked_credentials(text, MASK)


def mask_statement(text: str) -> str:
    """A statement, perhaps cut at its end, with ``***`` in place of its literals."""
    from lockage.core.redaction.redaction import masked_statement  # noqa: PLC0415

    return masked_statement(text, MASK)


def mask_values(text: str) -> str:
    """As ``mask_secrets``, and with ``***`` in place of the literals of statements too: for text that is sent to somebody."""
    from lockage.core.redaction.redaction import masked_values  # noqa: PLC0415

    return masked_values(text, MASK)
