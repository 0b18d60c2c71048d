"""The SQLSTATEs that more than one place speaks of, by the names that PostgreSQL gives their conditions.

Not for those that one rule alone looks for, which stand there, nor for what a failed statement of ours means (the adapter's
``sqlstate``). The surprising thing: code and name can lead astray: 42501 also comes of a policy, where no privilege is missing.

Source: PostgreSQL 18 manual, Appendix A.
"""

from __future__ import annotations

FEATURE_NOT_SUPPORTED = "0A000"
INVALID_TEXT_REPRESENTATION = "22P02"
NOT_NULL_VIOLATION = "23502"
FOREIGN_KEY_VIOLATION = "23503"
UNIQUE_VIOLATION = "23505"
CHECK_VIOLATION = "23514"
EXCLUSION_VIOLATION = "23P01"
ACTIVE_SQL_TRANSACTION = "25001"
INVALID_TRANSACTION_TERMINATION = "2D000"
INVALID_SCHEMA_NAME = "3F000"
INSUFFICIENT_PRIVILEGE = "42501"
UNDEFINED_COLUMN = "42703"
UNDEFINED_OBJECT = "42704"
UNDEFINED_FUNCTION = "42883"
UNDEFINED_TABLE = "42P01"
LOCK_NOT_AVAILABLE = "55P03"
UNSAFE_NEW_ENUM_VALUE_USAGE = "55P04"

REFUSES_A_TRANSACTION = frozenset({ACTIVE_SQL_TRANSACTION, INVALID_TRANSACTION_TERMINATION})
"""What cannot stand in a transaction says so by one of these; a procedure that commits by the second."""
