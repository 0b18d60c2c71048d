"""Texts without their secrets: passwords, tokens, keys, people's addresses, and what statements say of them."""

from lockage.core.redaction.masking import MASK, mask_secrets, mask_statement, mask_values

__all__ = ["MASK", "mask_secrets", "mask_statement", "mask_values"]
