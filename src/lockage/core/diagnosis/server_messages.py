"""PostgreSQL's own messages and what lies below SQL, recognised in whatever a client wraps around them.

Not for reading logs (``log_lines``). The surprising thing: most clients print no SQLSTATE, so that the server's English words
stand for it here; where the server speaks another language only a printed SQLSTATE helps.

Source: PostgreSQL 18, appendix A (errcodes.txt), and the messages in its source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Fault(StrEnum):
    """What went wrong between client and server, before or below SQL."""

    NO_HOST = "no such host"
    REFUSED = "connection refused"
    SILENT = "no answer"
    UNREACHABLE = "no route"
    LOST = "connection lost"
    NO_TLS = "the server has no TLS"
    CERTIFICATE = "the certificate is not trusted"
    BAD_URL = "the address is invalid"
    WANTS_TLS = "the server wants TLS"


@dataclass(frozen=True, slots=True)
class _Condition:
    sqlstate: str
    name: str  # of errcodes.txt, as client libraries name their classes after
    words: str  # a regular expression


_CONDITIONS = (
    _Condition(
        "28P01",
        "invalid_password",
        r"password authentication failed for user [\\\"'`]|no password supplied|empty password returned|"
        r"-based authentication, but no password|client password must be a string|authentication type 10 is not supported|"
        r"SCRAM authentication requires libpq|"
        r"Authentication failed against (?:the )?database server",
    ),
    _Condition(
        "28000",
        "invalid_authorization_specification",
        r"no pg_hba\.conf entry for|pg_hba\.conf rejects|"
        r'FATAL:\s+role "[^"]*" does not exist|AuthorizationSpecificationError: role "|'
        r'^(?:Error: )?error returned from database: role "[^"]*" does not exist|'
        r'role "[^"]*" is not permitted to log in|'
        r"(?:Peer|Ident|LDAP|PAM|GSSAPI|RADIUS|certificate) authentication failed for user|"
        r"connection requires a valid client certificate|\bTenant or user not found",
    ),
    _Condition("3D000", "invalid_catalog_name", r'[Dd]atabase [`"][^"`]*[`"] does not exist'),
    _Condition(
        "53300",
        "too_many_connections",
        r"too many clients already|remaining connection slots are reserved|"
        r"too many connections for (?:role|database)|no more connections allowed",
    ),
    _Condition(
        "53100",
        "disk_full",  # of the server's own files: a program's disk may be full, too
        r"could not extend file|could not (?:write|create|open)[^:\n]*?(?:temporary file|file \"?(?:base|global|pg_\w+)/)"
        r"[^:\n]*: No space left on device|could not resize shared memory segment [^:\n]*: No space left on device",
    ),
    _Condition("53400", "configuration_limit_exceeded", r"temporary file size exceeds"),
    _Condition("53200", "out_of_memory", r"out of shared memory|(?:ERROR|FATAL|pq):\s+out of memory"),
    _Condition("55P03", "lock_not_available", r"canceling statement due to lock timeout|could not obtain lock on"),
    _Condition("57014", "query_canceled", r"canceling statement due to (?:statement timeout|user request)"),
    _Condition("40P01", "deadlock_detected", r"deadlock detected"),
    _Condition(
        "40001", "serialization_failure", r"could not serialize access|canceling statement due to conflict with recovery"
    ),
    _Condition(
        "25006",
        "read_only_sql_transaction",
        r"cannot execute .{1,60} (?:in a read-only transaction|during recovery)|failed: session is read-only|"
        r"failed: (?:read only connection|server is in hot standby mode)|"
        r"server with specified targetServerType: (?:primary|master)",
    ),
    _Condition("25P03", "idle_in_transaction_session_timeout", r"terminating connection due to idle-in-transaction timeout"),
    _Condition("25P04", "transaction_timeout", r"terminating connection due to transaction timeout"),
    _Condition("57P05", "idle_session_timeout", r"terminating connection due to idle-session timeout"),
    _Condition("57P01", "admin_shutdown", r"terminating connection due to administrator command"),
    _Condition("57P02", "crash_shutdown", r"terminating connection because of crash of another server process"),
    _Condition(
        "57P03",
        "cannot_connect_now",
        r"the database system is (?:starting up|shutting down|in recovery mode|"
        r"not yet accepting connections|not accepting connections)|:\d+ - rejecting connections",
    ),
    _Condition("58P01", "undefined_file", r"could not open extension control file|could not (?:access file|load library) \""),
    _Condition(
        "0A000",
        "feature_not_supported",
        r'extension "[^"]*" is not (?:available|allow-listed)|cached plan must not change result type',
    ),
    _Condition(
        "42501",
        "insufficient_privilege",
        r"permission denied (?:for (?:table|relation|schema|database|sequence|view|"
        r"function|procedure|type|language|tablespace|large object|column|index|materialized view|foreign|extension|"
        r"parameter)|to (?:create|drop|alter|set|grant|reassign|rename|terminate|cancel|use|examine|change|execute))|"
        r"must be (?:owner of|superuser|a member of|member of|able to SET ROLE)|was denied access on the database",
    ),
    _Condition("42701", "duplicate_column", r'column "[^"]*" of relation "[^"]*" already exists'),
    _Condition("42P07", "duplicate_table", r'(?:relation|table|index) "[^"]*" already exists'),
    _Condition("42P06", "duplicate_schema", r'schema "[^"]*" already exists'),
    _Condition("42P05", "duplicate_prepared_statement", r'prepared statement "[^"]*" already exists'),
    _Condition(
        "42710",
        "duplicate_object",
        r'(?:type|role|constraint|trigger|extension|policy|publication|rule) "[^"]*"'
        r"[^:]{0,80} already exists",
    ),
    _Condition("42723", "duplicate_function", r'function "[^"]*" already exists with same argument types'),
    _Condition("26000", "invalid_sql_statement_name", r'prepared statement "[^"]*" does not exist'),
    _Condition("3F000", "invalid_schema_name", r'schema "[^"]*" does not exist|no schema has been selected to create in'),
    _Condition("42703", "undefined_column", r"column \S+ (?:of relation \S+ )?does not exist"),
    _Condition("42P01", "undefined_table", r'(?:relation|table|view|sequence) "[^"]*" does not exist'),
    _Condition("42883", "undefined_function", r"(?:function|operator|procedure) \S+[^:]{0,120}? does not exist"),
    _Condition(
        "42704",
        "undefined_object",
        r'(?:type|role|constraint|index|trigger|extension|policy|collation) "[^"]*"'
        r'[^:]{0,80} does not exist|unrecognized configuration parameter "',
    ),
    _Condition("23505", "unique_violation", r"duplicate key value violates unique constraint|could not create unique index"),
    _Condition("23503", "foreign_key_violation", r"violates foreign key constraint"),
    _Condition("23502", "not_null_violation", r'violates not-null constraint|column "[^"]*" of relation "[^"]*" contains null'),
    _Condition(
        "23514", "check_violation", r'violates check constraint|check constraint "[^"]*" of relation "[^"]*" is violated'
    ),
    _Condition("23P01", "exclusion_violation", r"violates exclusion constraint|could not create exclusion constraint"),
    _Condition("22P02", "invalid_text_representation", r"invalid input (?:syntax|value) for (?:type|enum)"),
    _Condition("22001", "string_data_right_truncation", r"value too long for type"),
    _Condition("22003", "numeric_value_out_of_range", r"(?:integer|bigint|smallint|value)[^:]{0,60} out of range"),
    _Condition("22004", "null_value_not_allowed", r"null values cannot be"),
    _Condition(
        "42804", "datatype_mismatch", r"cannot be cast automatically to type|is of type .{1,60} but expression is of type"
    ),
    _Condition("42601", "syntax_error", r"syntax error at (?:or near|end of input)"),
    _Condition("42P17", "invalid_object_definition", r"functions in index expression must be marked IMMUTABLE"),
    _Condition("2BP01", "dependent_objects_still_exist", r"cannot drop .{1,120} because other objects depend on it"),
    _Condition("25P02", "in_failed_sql_transaction", r"current transaction is aborted, commands ignored"),
    _Condition(
        "25001",
        "active_sql_transaction",
        r"cannot (?:run|be executed) (?:inside|from) a transaction block|"
        r"cannot run inside a transaction block",
    ),
    _Condition(
        "55006",
        "object_in_use",
        r"because it (?:is being used by active queries|has pending trigger events)|"
        r"is being accessed by other users",
    ),
    _Condition("55P04", "unsafe_new_enum_value_usage", r"unsafe use of new value"),
    _Condition(
        "55000",
        "object_not_in_prerequisite_state",
        r"recovery is in progress|logical decoding|is not currently accepting connections",
    ),
    _Condition(
        "54000",
        "program_limit_exceeded",
        r"index row (?:size|requires) .{1,80}|tables can have at most \d+ columns|database is not accepting commands",
    ),
    _Condition(
        "08P01",
        "protocol_violation",
        r"unsupported startup parameter|\bno such (?:user|database): |pgbouncer cannot connect to server|query_wait_timeout|"
        r"server login (?:has been failing|failed)|server_login_retry",
    ),
    _Condition("22023", "invalid_parameter_value", r'invalid value for parameter "[^"]*"'),
    _Condition("XX001", "data_corrupted", r"invalid page in block"),
)

_CLASSES = re.compile(r"0[0-389ABFLPZ]|2[0-8BDF]|3[489BDF]|4[024]|5[3-578]|72|F0|HV|P0|XX")
"""First two characters of every SQLSTATE that PostgreSQL gives. Source: PostgreSQL 18, appendix A."""

_STATED = (
    re.compile(r"SQLSTATE\[([0-9A-Z]{5})\]"),
    re.compile(r"(?i:sql[ _-]?state)\W{0,6}([0-9A-Z]{5})\b"),
    re.compile(r"\b(?:code|Code|state_code|sqlState|error_code|errorCode|pgcode)\b['\"]?\s*[:=]\s*['\"]?([0-9A-Z]{5})\b"),
    re.compile(r"PostgresException \(0x[0-9A-Fa-f]+\): ([0-9A-Z]{5}):"),
    re.compile(r"(?i:database error code): ([0-9A-Z]{5})\b"),
    re.compile(r"\b(?:ERROR|FATAL|PANIC):?\s+([0-9A-Z]{5})(?::| \([a-z_]+\))"),
    re.compile(r"\bpq: .* \(([0-9A-Z]{5})\)"),
)

_CLASS_NAMES = re.compile(r"\b(?:errors\.|PG::|exceptions\.|Errors::)(\w+)")
_BY_NAME = {c.name.replace("_", ""): c.sqlstate for c in _CONDITIONS}
_BY_WORDS = tuple((re.compile(c.words), c.sqlstate) for c in _CONDITIONS)

_FAULTS = (
    (Fault.NO_TLS, r"server does not support SSL|SSL is not enabled on the server|server refused TLS connection|"
     r"does not support (?:SSL|TLS) connections|[Ss]erver does not support (?:SSL|TLS)|rejected SSL upgrade|"
     r"disconnected before secure TLS connection was established"),
    (Fault.WANTS_TLS, r"SSL connection is required|FATAL:\s+SSL required|server does not allow insecure connections"),
    (Fault.CERTIFICATE, r"certificate verify failed|x509: |self[- ]signed certificate|unable to verify the first certificate|"
     r"root certificate file .* does not exist|PKIX path building failed|certificate has expired|"
     r"server certificate for .* does not match|tls: failed to verify|unable to get local issuer certificate|"
     r"Hostname/IP does not match certificate|private key file .* has group or world access|UNABLE_TO_VERIFY_LEAF_SIGNATURE|"
     r"tlsv1 alert|sslv3 alert|SSL error: |Error opening a TLS connection|tls: handshake failure|remote error: tls"),
    (Fault.NO_HOST, r"no such host|could not translate host name|Name or service not known|nodename nor servname|"
     r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|Temporary failure in name resolution|UnknownHostException|"
     r"failed to lookup address information|[Cc]ould not resolve|server misbehaving|No address associated with hostname|"
     r"hostname resolving error|non-existing domain|nxdomain|\bnc: bad address '"),
    (Fault.REFUSED, r"[Cc]onnection refused|ECONNREFUSED|Connection to \S+ refused|ConnectionRefusedError|"
     r"\.s\.PGSQL\.\d+.{0,40}?[Nn]o such file or directory"),
    (Fault.UNREACHABLE, r"[Nn]o route to host|[Nn]etwork is unreachable|EHOSTUNREACH|ENETUNREACH|host is unreachable"),
    (Fault.SILENT, r"i/o timeout|timeout expired|[Cc]onnection timed out|ETIMEDOUT|[Cc]onnect timed out|timeout: context|"
     r"context deadline exceeded|SocketTimeoutException|CONNECT_TIMEOUT|The connection attempt failed|timed out after|"
     r"Can't reach database server|TimeoutError|[Cc]onnect timeout|connection timeout|:\d+ - no response"),
    (Fault.BAD_URL, r"cannot parse `|invalid (?:dsn|DSN|connection (?:string|option|URI)|URI|port number)|"
     r"missing \"=\" after|Could not parse (?:SQLAlchemy|rfc1738) URL|invalid URL escape|first path segment in URL|"
     r"the URL must start with the protocol|must start with the protocol `postgres|net/url: invalid|"
     r"No suitable driver|invalid integer value \"[^\"]*\" for connection option|unsupported (?:database )?(?:scheme|protocol)|"
     r"ERR_INVALID_URL|Invalid URL|invalid (?:port|userinfo)|could not parse (?:the )?(?:database|connection)|"
     r"Can't load plugin: sqlalchemy|unknown (?:driver|scheme)|URI::InvalidURIError|invalid percent-encoded token|"
     r"Driver .* claims to not accept jdbcUrl|Unable to parse URL jdbc:|"
     r"must be specified.* URL|unexpected spaces found in|in URI query parameter|"
     r"forbidden value %00|unexpected character .* in URI|in IPv6 host address in URI|invalid sslmode value: \""),
    (Fault.LOST, r"server closed the connection unexpectedly|[Cc]onnection reset by peer|ECONNRESET|unexpected EOF|broken pipe|"
     r"driver: bad connection|SSL SYSCALL error|Connection terminated unexpectedly|connection is closed|EPIPE|"
     r"An I/O error occurred while sending to the backend|conn closed|connection was closed in the middle"),
)  # fmt: skip
_BY_FAULT = tuple((re.compile(words), fault) for fault, words in _FAULTS)

_OF_A_POOL = re.compile(r"QueuePool limit|[Cc]onnection pool|Connection is not available, request timed out")
"""A client's own pool that has no connection left to lend: that says nothing of the way to the server."""

_OF_A_DATABASE = re.compile(
    r"(?i)postgres|psycopg|asyncpg|\bpq: |\bpgx|pgconn|\bpg[_.-]|PSQLException|PG::|Npgsql|:5432\b|port 5432\b|database|"
    r", 5432\)|\.s\.PGSQL\.|\bP10\d\d\b|SSL options and retry|support SSL connections|"
    r"connection to server (?:at|on)|\bpsql: |node_modules/pg/|Acquire connection error|error with configuration: |"
    r"attempting to establish a TLS connection: |(?:during|run|running|apply|applying) (?:the )?(?:database )?migrations?\b|"
    r"server closed the connection unexpectedly|migration (?:error|run|failed)|failed to migrate|activerecord|sqlalchemy|"
    r"hikari|jdbc|prisma|Sequelize|\bdsn\b|Postgrex|libpq|\bDB\b"
)

_OF_ANOTHER = re.compile(
    r"(?i)redis|valkey|mysql|mariadb|mongo|cassandra|clickhouse|elastic|opensearch|rabbitmq|amqp|kafka|memcache|ldap|smtp|oidc|"
    r"\bs3\b|minio"
    r"|:(?:6379|3306|27017|9042|9200|5672|9092|11211)\b"
)
"""Other servers that an application talks to, whose trouble is told in the same words."""
_NAMES_POSTGRES = re.compile(
    r"(?i)postgres|psycopg|asyncpg|\bpq: |\bpgx|pgconn|PSQLException|PG::|Npgsql|Postgrex|libpq|:5432\b"
)

KEPT = 65_536
"""Texts whose meaning is kept: replicas that crash say the same again and again, and sixty patterns a line take their time."""


@lru_cache(maxsize=KEPT)
def stated_sqlstate(text: str) -> str | None:
    """The SQLSTATE that a text prints, in any client's way; None where it prints none."""
    for pattern in _STATED:
        for found in pattern.finditer(text):
            if _CLASSES.match(found[1]):
                return found[1]
    return None


@lru_cache(maxsize=KEPT)
def meant_sqlstate(text: str) -> str | None:
    """The SQLSTATE that the server's words, or the name of the client library's error class, stand for; None: neither known."""
    for pattern, sqlstate in _BY_WORDS:
        if pattern.search(text):
            return sqlstate
    for found in _CLASS_NAMES.finditer(text):
        name = found[1].removesuffix("Error").lower()
        if name in _BY_NAME:
            return _BY_NAME[name]
    return None


@lru_cache(maxsize=KEPT)
def fault_in(text: str) -> Fault | None:
    """What a text says went wrong below SQL, whoever the peer was; None where nothing did."""
    found = next((fault for pattern, fault in _BY_FAULT if pattern.search(text)), None)
    return None if found is Fault.SILENT and _OF_A_POOL.search(text) else found


def speaks_of_a_database(text: str) -> bool:
    """Whether a text names PostgreSQL, a client library of it, its port, or a database at all."""
    if _OF_ANOTHER.search(text) is not None and _NAMES_POSTGRES.search(text) is None:
        return False
    return _OF_A_DATABASE.search(text) is not None
