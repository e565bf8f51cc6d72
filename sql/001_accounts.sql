-- Who pays and who may spend: accounts, API keys, data plane boots.

-- The ledger's clock. Every window, expiry and booking day reads it; tests replace it.
CREATE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()';

CREATE TABLE account (
    account_id uuid PRIMARY KEY,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    operator   boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Bootstrap makes the operator's account once, however many start at the same time.
CREATE UNIQUE INDEX account_one_operator ON account (operator) WHERE operator;

-- A key's text is shown once and stored nowhere: its SHA-256 is all there is. label holds the few
-- characters by which a person recognises it. A deleted key keeps its row, because usage names it.
CREATE TABLE api_key (
    key_id      uuid PRIMARY KEY,
    account_id  uuid NOT NULL REFERENCES account,
    digest      bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    label       text NOT NULL CHECK (length(label) <= 24),
    role        text NOT NULL CHECK (role IN ('inference', 'management', 'operator')),
    disabled    boolean NOT NULL DEFAULT false,
    limit_nusd  bigint CHECK (limit_nusd >= 0),
    limit_reset text NOT NULL DEFAULT 'none'
                CHECK (limit_reset IN ('none', 'daily', 'weekly', 'monthly')),
    expires_at  timestamptz,
    requests_per_minute integer NOT NULL DEFAULT 0 CHECK (requests_per_minute >= 0),
    tokens_per_minute   integer NOT NULL DEFAULT 0 CHECK (tokens_per_minute >= 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz,
    deleted_at  timestamptz
);
CREATE INDEX api_key_by_account ON api_key (account_id, created_at);

-- Whoever takes a key out of service, by whatever statement, tells every control plane.
-- Payload: digest in hex, a space, the reason.
CREATE FUNCTION api_key_notify() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reason text;
BEGIN
    IF NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL THEN
        reason := 'unknown';
    ELSIF NEW.disabled AND NOT OLD.disabled THEN
        reason := 'disabled';
    ELSIF NEW.expires_at <= ledger_now() AND NEW.expires_at IS DISTINCT FROM OLD.expires_at THEN
        reason := 'expired';
    END IF;
    IF reason IS NOT NULL THEN
        PERFORM pg_notify('tr_key', encode(NEW.digest, 'hex') || ' ' || reason);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER api_key_notify AFTER UPDATE ON api_key
    FOR EACH ROW EXECUTE FUNCTION api_key_notify();

-- One start of one data plane. acked_seq: every usage record up to it is committed.
CREATE TABLE boot (
    boot_id     uuid PRIMARY KEY,
    measurement bytea NOT NULL CHECK (octet_length(measurement) = 48),
    simulated   boolean NOT NULL,
    acked_seq   bigint NOT NULL DEFAULT 0 CHECK (acked_seq >= 0),
    first_seen  timestamptz NOT NULL DEFAULT now(),
    last_seen   timestamptz NOT NULL DEFAULT now()
);
