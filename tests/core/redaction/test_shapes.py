"""What nobody has named shows by its shape; what is no secret stays readable."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockage.core.redaction.redaction import Redaction

C = "Kanarie7vogel"
"""The canary in every text below."""

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJrYW5hcmllIn0.c2lnbmF0dXJlLWthbmFyaWU"


def redaction(*, addresses: bool = False) -> Redaction:
    return Redaction(key=b"k", addresses=addresses)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SECRETS = {
    "URL": f"postgres://app:{C}@db.example:5432/shop?sslmode=require",
    "URL with a slash in its password": f'parse "postgres://app:pre/{C}@db:5432/shop": invalid port ":pre" after host',
    "URL with an @ in its password": f"postgres://app:{C}@{C}@db:5432/shop",
    "URL without a user": f"redis://:{C}@cache:6379/0",
    "URL with a token for a user": f"https://{C}0123456789@git.example/x.git",
    "URL in a URL": quote(f"https://x/?next=postgres://app:{C}@db/shop", safe=""),
    "URL in JSON in JSON": json.dumps({"m": json.dumps({"url": f"postgres://app:{C}@db/shop"})}),
    "URL in base64": b64(f"postgres://app:{C}@db.example:5432/shop"),
    "MySQL's": f"app:{C}@tcp(db:3306)/shop",
    "keywords": f"host=db user=app password={C} dbname=shop",
    "keywords with signs": f"host=db password=a,b;{C} dbname=shop",
    "keywords, quoted": f"host=db password='it \\' is {C}' dbname=shop",
    "query": f"postgres://db/shop?user=app&password={C}&sslmode=require",
    "JSON": f'{{"db_password": "{C}", "n": 1}}',
    "JSON in JSON": json.dumps({"m": json.dumps({"apiKey": C})}),
    "YAML": f"database:\n  password: {C}\n  port: 5432",
    "YAML block": f"password: |\n  {C}\nport: 5432",
    "Go's map": f"map[password:{C} user:x]",
    "Go's struct": f"{{Password:{C} User:x}}",
    "Ruby": f'{{:password=>"{C}"}}',
    "variable": f"PGPASSWORD={C} psql",
    "shell": f"export API_TOKEN='{C}'",
    "flag": f"serve --auth-token {C} --port 80",
    "flag with =": f"helm upgrade x --set db.password={C}",
    "container's variable": f'{{"name":"DB_PASSWORD","value":"{C}"}}',
    "container's variable in YAML": f"- name: DB_PASSWORD\n  value: {C}",
    "last applied": json.dumps({"a": json.dumps({"env": [{"name": "DB_PASS", "value": C}]})}),
    "bearer": f"Authorization: Bearer {C}",
    "bearer in a sentence": f"sent bearer {C}1234567 to it",
    "basic": f"Authorization: Basic {b64('app:' + C)}",
    "header in JSON": f'{{"headers":{{"Cookie":["a={C}; b=1"]}}}}',
    "cookie": f"Cookie: theme=dark; session={C}; x=y",
    "set-cookie": f"< Set-Cookie: sid={C}; Path=/; HttpOnly",
    "own header": f"Coder-Session-Token: {C}",
    "kubeconfig": f"users:\n- name: me\n  user:\n    token: {C}\n    client-key-data: {b64(C)}",
    "docker": f'{{"auths":{{"ghcr.io":{{"auth":"{b64("me:" + C)}"}}}}}}',
    "SQL": f"ALTER ROLE app WITH LOGIN PASSWORD '{C}'",
    "SQL, user mapping": f"CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'x', password '{C}')",
    "SQL, subscription": f"CREATE SUBSCRIPTION s CONNECTION 'host=db password={C}' PUBLICATION p",
    "SQL literal": f"LOG:  statement: INSERT INTO users (email) VALUES ('{C}', 'it''s {C}')",
    "SQL of the application": f'{{"level":"error","sql":"select * from users where name = \'{C}\'"}}',
    "SQL in small letters": f"slow query: update users set email='{C}' where id=1",
    "SQL over lines": f"STATEMENT:  SELECT *\n\tFROM users\n\tWHERE name = '{C}'\nLOG:  next",
    "detail": f"DETAIL:  Key (email)=({C}) already exists.",
    "detail with brackets": f"DETAIL:  Key (lower(email), x)=(a) b, {C}) already exists.",
    "detail in JSON": json.dumps({"detail": f'Key (name)=("{C}") already exists.'}),
    "failing row": f"DETAIL:  Failing row contains (1, {C}, (x), null).",
    "parameters": f"DETAIL:  parameters: $1 = '{C}', $2 = NULL, $3 = 'it''s {C}'",
    "copy": f'CONTEXT:  COPY users, line 3, column email: "{C}"',
    "input": f'ERROR:  invalid input syntax for type integer: "{C}"',
    "SQLAlchemy": f"[SQL: INSERT INTO users (email) VALUES (%(email)s)]\n[parameters: {{'email': '{C}'}}]",
    "arguments": f'query="SELECT 1 FROM users WHERE a=$1" args=["{C}"]',
    "e-mail": f"user {C}@example.com signed in",
    "e-mail in a URL": f"GET /users?email={C}%40example.com",
    "JWT": f"with {JWT} in it",
    "JWT's middle": JWT.split(".")[1] + "." + JWT,
    "AWS": "using AKIAIOSFODNN7KANARIE now",
    "GitHub": "ghp_kanarie7vogelKANARIE7vogel0123456789",
    "scram": "SCRAM-SHA-256$4096:a2FuYXJpZQ==$c3RvcmVk:c2VydmVy",
    "PEM": "-----BEGIN RSA PRIVATE KEY-----\nS2FuYXJpZTd2b2dlbA==\n-----END RSA PRIVATE KEY-----",
    "PEM in JSON": json.dumps({"k": "-----BEGIN PRIVATE KEY-----\nS2FuYXJpZTd2b2dlbA==\n-----END PRIVATE KEY-----\n"}),
    "PEM, cut": "S2FuYXJpZTd2b2dlbEthbmFyaWU3dm9nZWw=\n-----END PRIVATE KEY-----",
}

IN_OTHER_WAYS = {
    "JDBC": f"jdbc:postgresql://db/app?user=app&password={C}",
    "ADO.NET": f"Host=db;Username=app;Password={C};Database=x",
    "pg_hba.conf": f'host all all 10.0.0.0/8 ldap ldapserver=x ldapbindpasswd="{C}"',
    "pg_hba.conf, RADIUS": f'host all all 0.0.0.0/0 radius radiusservers="x" radiussecrets="{C}"',
    "primary_conninfo": f"primary_conninfo = 'host=db user=repl password=''{C}'' sslmode=prefer'",
    "SQL in dollars": f"LOG:  statement: ALTER ROLE app PASSWORD $${C}$$",
    "SQL in tagged dollars": f"statement: INSERT INTO t VALUES ($x${C}$x$)",
    "password file": f"db.example:5432:app:app:{C}",
    "password file, stars": f'invalid line in password file: "*:*:*:app:{C}"',
    "curl": f"+ curl --user 'app:{C}' https://api.example/x",
    "curl in a list": f'["curl", "-u", "app:{C}", "https://api.example"]',
    "mysql": f"mysqldump -uapp -p{C} app",
    "redis-cli": f"redis-cli -h cache -a {C} ping",
    "requirepass": f"redis-server --requirepass {C}",
    "sshpass": f"sshpass -p {C} ssh somewhere",
    "docker login": f"docker login -u app -p {C} registry.example",
    "list of words": f"args=['--db-password', '{C}']",
    "list of words in JSON": json.dumps({"command": ["serve", "--db-password", C]}),
    "command line of a process": f"serve\0--db-password\0{C}\0",
    "YAML, on the next line": f"database:\n  password:\n    {C}\n  port: 5432",
    "Python's bytes": f"Connection(password=b'{C}')",
    "Rust": f'PgConnectOptions {{ host: "db", password: Some("{C}"), ssl: Prefer }}',
    "TOML, three quotes": f'password = """{C}"""',
    "XML": f"<user>app</user><password>{C}</password>",
    "XML entry": f'<entry key="db.password">{C}</entry>',
    "list of passwords": f'"passwords":["x1", "{C}"]',
    "sentence": f"the password for user root has been set to {C}, change it",
    "binding of Hibernate": f"binding parameter (1:VARCHAR) <- [{C}]",
    "echo of SQLAlchemy": f"INFO sqlalchemy.engine.Engine [generated in 0.00012s] ('{C}', 1)",
    "parameters of Ecto": f'INSERT INTO "users" ("email") VALUES ($1) ["{C}"]',
    "Slack": f"https://hooks.slack.com/services/T00000000/B00000000/{C}abcDEF123456",
    "Discord": f"https://discord.com/api/webhooks/123456789012345678/{C}-abcDEF_1234567890",
    "Telegram": f"https://api.telegram.org/bot123456789:AAF{C}abcdefghijklmnopqrs/sendMessage",
    "Hugging Face": f"hf_{C}abcdefghijklmnopqrstu",
    "Atlassian": f"ATATT3xFfGF0{C}abcdefghijklmnop",
    "dots of Hikari": f"HikariConfig - password........................{C}",
    "table": f"| password | {C} |",
    "arrow": f"password -> {C}",
    "in brackets": f'authentication failed for user "app" (password {C})',
    "manifest of a Secret": f"apiVersion: v1\nkind: Secret\ndata:\n  whatever: {b64(C)}\n  other: {b64(C + C)}",
    "manifest of a Secret in JSON": json.dumps({"kind": "Secret", "data": {"whatever": b64(C)}, "type": "Opaque"}),
    "PEM in lines of JSON": "\n".join(
        json.dumps({"level": "info", "msg": line})
        for line in ("-----BEGIN RSA PRIVATE KEY-----", b64(f"{C} and {C}, line by line"), "-----END RSA PRIVATE KEY-----")
    ),
}
"""Where neither a shape nor a name right before it tells."""

SECRETS |= IN_OTHER_WAYS

LEFTOVERS = (C, b64(C)[:-3], "KANARIE", "a2FuYXJp", "S2FuYXJp", "eyJzdWIi", "c3RvcmVk")


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_no_secret_survives(text: str) -> None:
    masked = redaction().text(text)
    assert "[" in masked
    assert not [one for one in LEFTOVERS if one in masked], masked
    assert redaction().text(masked) == masked


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_no_secret_survives_inside_of_a_json_log_or_base64(text: str) -> None:
    for wrapped in (json.dumps({"level": "info", "msg": text}), json.dumps(json.dumps({"msg": text})), b64(f"x {text} y")):
        masked = redaction().text(f"12:00:01 {wrapped}")
        assert not [one for one in LEFTOVERS if one in masked], masked


def test_what_only_its_place_in_lines_tells_is_masked() -> None:
    assert C not in redaction().text(f'"app" "{C}"\n"other" "{C}"')  # PgBouncer's userlist.txt
    assert C not in redaction().text(f"serve --db-password \\\n  {C} --port 80")


ORDINARY = """\
2026-11-22T12:00:01.123Z [info] coderd: migrating up: 000371_api_keys.up.sql took 12.5s
{"level":"info","ts":"2026-11-22T12:00:01Z","msg":"listening","addr":"127.0.0.1:8080","version":"v2.27.8+abc1234"}
Back-off restarting failed container coder in pod coder-7f8d9c6b5-x2x9k_coder(5b1a8a5e-1111-4222-8333-444455556666)
Liveness probe failed: Get "http://10.0.0.12:8080/healthz": context deadline exceeded (Client.Timeout exceeded)
Pulling image "ghcr.io/coder/coder:v2.27.8@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Failed to pull image "ghcr.io/coder/coder:v2.27.9": not found
MountVolume.SetUp failed for volume "tls" : secret "coder-tls" not found
      CODER_PG_CONNECTION_URL:  <set to the key 'url' in secret 'coder-db-url'>  Optional: false
secretKeyRef: {name: coder-db-url, key: url}
secretName: coder-tls
imagePullSecrets: [{name: registry}]
password_encryption = scram-sha-256
FATAL:  password authentication failed for user "coder"
error LK122: the database refuses the password of role "app" at db:5432
ERROR:  canceling statement due to lock timeout
DETAIL:  Process 4711 waits for AccessExclusiveLock on relation 16412 of database 16384; blocked by process 4712.
LOG:  process 4711 still waiting for ShareLock on transaction 812345 after 1000.123 ms
redo starts at 0/16B3740, LSN 16/B374D848, timeline 2
ALTER TABLE public.api_keys ADD COLUMN token_name text
CREATE INDEX CONCURRENTLY idx_api_keys_user ON public.api_keys USING btree (user_id)
UPDATE api_keys SET scope = $1 WHERE id = $2
SELECT pg_terminate_backend(4711)
SELECT * FROM api_keys WHERE expires_at < now()
relation public.api_keys: 5 GB, 12 indexes
postgres://app@db.example:5432/shop
postgres://db.example/shop?sslmode=verify-full&sslrootcert=/etc/ssl/ca.crt
invalid token: unexpected end; token expired; Basic authentication is off; bearer tokens are fine
kubectl -n coder scale deployment/coder --replicas=0
helm upgrade coder coder-v2/coder --version 2.27.8 -f values.yaml --set coder.replicaCount=1
lockage recover coder -n coder --plan-only
user@1000.service: Deactivated successfully
commit 3f786850e387550fdab836ed7e6dc881de23001b
don't restart it: it's 61 % of the index, about 4 min left
NAME                    READY   STATUS    RESTARTS      AGE
coder-7f8d9c6b5-x2x9k   0/1     Running   3 (12s ago)   4m
max_tokens=4096 token_ttl=15m tokens: 12 token_count: 7
docker run -u 1000:1000 --user app:app image; curl -sS https://api.example/x -o /tmp/x; redis-cli -h cache ping
the password is required; password for user "app" is not set; the passphrase is case-sensitive; password was last changed
<secretName>app-tls</secretName><password></password><name>app</name>
| password | email | created_at |; password -> required; password......<masked>; "app" "running"
tokens: ["--", "", "none"] and resources: ["secrets", "configmaps"]
registry.example:5000/team/app:v2.27.8 main.go:1234 at 12:00:01:123 level=info
readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 10}
"""


@pytest.mark.parametrize("line", ORDINARY.splitlines())
def test_what_is_no_secret_stays(line: str) -> None:
    assert redaction().text(line) == line


def test_ordinary_lines_stay_together_too() -> None:
    assert redaction().text(ORDINARY) == ORDINARY


def test_addresses_go_only_on_request() -> None:
    text = "pod 10.0.0.12 and fe80::1:2, not 127.0.0.1, release 2.27.8, at 12:00:01"
    assert redaction().text(text) == text
    masked = redaction(addresses=True).text(text)
    assert masked.count("[ip-") == 2
    assert masked.endswith("not 127.0.0.1, release 2.27.8, at 12:00:01")


def test_a_statement_keeps_its_shape() -> None:
    text = "UPDATE users SET email = 'a@b.example', seen = 123456789, n = 12 WHERE id = 'x' AND $1 = ANY(ids)"
    masked = redaction().text(text, statement=True)
    assert masked.startswith("UPDATE users SET email = '[email-")
    assert masked.endswith("', seen = [value], n = 12 WHERE id = '[value]' AND $1 = ANY(ids)")


def test_a_statement_that_is_cut_is_still_found_in_its_migration() -> None:
    migration = "UPDATE t SET a = 'long and secret', b = $$it 'goes' so$$; SET lock_timeout = '2s'; SELECT 'x''y';"
    whole = redaction().text(migration, statement=True)
    for length in range(10, len(migration)):
        cut = redaction().text(migration[:length], statement=True)
        assert cut in whole, cut


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(max_size=300)
    | st.lists(st.sampled_from([*SECRETS.values(), "x", '"', "'", "[value]", "="]), max_size=3).map("".join)
)
def test_masking_twice_changes_nothing_more(text: str) -> None:
    seen = redaction(addresses=True)
    once = seen.text(text)
    assert seen.text(once) == once


@pytest.mark.parametrize("file", ["V1_20_1__spring_boot_4__POSTGRESQL.sql", "20240101120000_Add_User_Token2_Table.up.sql"])
def test_the_name_of_a_migrations_file_is_no_token(file: str) -> None:
    text = f"error at {file}, line 3"
    assert redaction().text(text) == text
