CREATE TYPE user_status AS ENUM ('active', 'dormant', 'suspended');
CREATE TYPE login_type AS ENUM ('password', 'github', 'oidc', 'token');

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL,
    username text NOT NULL,
    status user_status NOT NULL DEFAULT 'active',
    login_type login_type NOT NULL DEFAULT 'password',
    deleted boolean NOT NULL DEFAULT false,
    last_seen_at timestamp with time zone NOT NULL DEFAULT now(),
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    updated_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT users_username_length CHECK (length(username) BETWEEN 1 AND 32)
);

CREATE UNIQUE INDEX users_email_lower ON users (lower(email)) WHERE NOT deleted;
CREATE UNIQUE INDEX users_username_lower ON users (lower(username)) WHERE NOT deleted;
