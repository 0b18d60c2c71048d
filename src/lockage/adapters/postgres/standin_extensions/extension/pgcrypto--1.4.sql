-- The functions of pgcrypto 1.4 with their signatures and invented results, for a server that is built without OpenSSL.
-- Source: PostgreSQL 18 manual, F.26 "pgcrypto". For a shadow only: nothing here protects anything.
create function digest(text, text) returns bytea language sql immutable strict parallel safe
    return pg_catalog.sha256(pg_catalog.convert_to($1, 'UTF8'));
create function digest(bytea, text) returns bytea language sql immutable strict parallel safe return pg_catalog.sha256($1);
create function hmac(text, text, text) returns bytea language sql immutable strict parallel safe
    return pg_catalog.sha256(pg_catalog.convert_to($1, 'UTF8'));
create function hmac(bytea, bytea, text) returns bytea language sql immutable strict parallel safe
    return pg_catalog.sha256($1);
create function crypt(text, text) returns text language sql immutable strict parallel safe return pg_catalog.md5($1);
create function gen_salt(text) returns text language sql volatile strict parallel safe return pg_catalog.md5($1);
create function gen_salt(text, integer) returns text language sql volatile strict parallel safe return pg_catalog.md5($1);
create function encrypt(bytea, bytea, text) returns bytea language sql immutable strict parallel safe return $1;
create function decrypt(bytea, bytea, text) returns bytea language sql immutable strict parallel safe return $1;
create function encrypt_iv(bytea, bytea, bytea, text) returns bytea language sql immutable strict parallel safe return $1;
create function decrypt_iv(bytea, bytea, bytea, text) returns bytea language sql immutable strict parallel safe return $1;
create function gen_random_bytes(integer) returns bytea language sql volatile strict parallel safe
    return (select pg_catalog.substr(pg_catalog.decode(pg_catalog.string_agg(
        pg_catalog.replace(pg_catalog.gen_random_uuid()::pg_catalog.text, '-', ''), ''), 'hex'), 1, $1)
      from pg_catalog.generate_series(1, ($1 + 15) / 16));
create function gen_random_uuid() returns uuid language sql volatile parallel safe return pg_catalog.gen_random_uuid();
create function fips_mode() returns boolean language sql volatile strict parallel safe return false;
create function pgp_sym_encrypt(text, text) returns bytea language sql volatile strict parallel safe
    return pg_catalog.convert_to($1, 'UTF8');
create function pgp_sym_encrypt(text, text, text) returns bytea language sql volatile strict parallel safe
    return pg_catalog.convert_to($1, 'UTF8');
create function pgp_sym_encrypt_bytea(bytea, text) returns bytea language sql volatile strict parallel safe return $1;
create function pgp_sym_encrypt_bytea(bytea, text, text) returns bytea language sql volatile strict parallel safe return $1;
create function pgp_sym_decrypt(bytea, text) returns text language sql immutable strict parallel safe
    return pg_catalog.encode($1, 'escape');
create function pgp_sym_decrypt(bytea, text, text) returns text language sql immutable strict parallel safe
    return pg_catalog.encode($1, 'escape');
create function pgp_sym_decrypt_bytea(bytea, text) returns bytea language sql immutable strict parallel safe return $1;
create function pgp_sym_decrypt_bytea(bytea, text, text) returns bytea language sql immutable strict parallel safe return $1;
create function pgp_pub_encrypt(text, bytea) returns bytea language sql volatile strict parallel safe
    return pg_catalog.convert_to($1, 'UTF8');
create function pgp_pub_encrypt(text, bytea, text) returns bytea language sql volatile strict parallel safe
    return pg_catalog.convert_to($1, 'UTF8');
create function pgp_pub_encrypt_bytea(bytea, bytea) returns bytea language sql volatile strict parallel safe return $1;
create function pgp_pub_encrypt_bytea(bytea, bytea, text) returns bytea language sql volatile strict parallel safe return $1;
create function pgp_pub_decrypt(bytea, bytea) returns text language sql immutable strict parallel safe
    return pg_catalog.encode($1, 'escape');
create function pgp_pub_decrypt(bytea, bytea, text) returns text language sql immutable strict parallel safe
    return pg_catalog.encode($1, 'escape');
create function pgp_pub_decrypt(bytea, bytea, text, text) returns text language sql immutable strict parallel safe
    return pg_catalog.encode($1, 'escape');
create function pgp_pub_decrypt_bytea(bytea, bytea) returns bytea language sql immutable strict parallel safe return $1;
create function pgp_pub_decrypt_bytea(bytea, bytea, text) returns bytea language sql immutable strict parallel safe return $1;
create function pgp_pub_decrypt_bytea(bytea, bytea, text, text) returns bytea language sql immutable strict parallel safe
    return $1;
create function pgp_key_id(bytea) returns text language sql immutable strict parallel safe return 'SYMKEY';
create function armor(bytea) returns text language sql immutable strict parallel safe
    return pg_catalog.encode($1, 'base64');
create function armor(bytea, text[], text[]) returns text language sql immutable strict parallel safe
    return pg_catalog.encode($1, 'base64');
create function dearmor(text) returns bytea language sql immutable strict parallel safe
    return pg_catalog.convert_to($1, 'UTF8');
create function pgp_armor_headers(text, key out text, value out text) returns setof record
    language sql immutable strict parallel safe
begin atomic
    select ''::text, ''::text where false;
end;
