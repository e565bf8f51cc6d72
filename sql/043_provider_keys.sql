-- The operator's keys for providers that came by REST. What is stored is encrypted (XChaCha20-Poly1305) under a master key
-- that only the control planes have (master_key_file, master_key_command), so that this database and its backups do not
-- hold them. Of the operator: no table here has an account.

CREATE TABLE provider_key (
    key_id      uuid PRIMARY KEY,
    provider    text NOT NULL CHECK (length(provider) BETWEEN 1 AND 31),
    label       text NOT NULL CHECK (length(label) <= 128),
    weight      integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100), -- its part of the requests, to those of the others
    disabled    boolean NOT NULL DEFAULT false,
    master_id   bytea NOT NULL CHECK (octet_length(master_id) = 8), -- which master key opens it
    sealed      bytea NOT NULL CHECK (octet_length(sealed) BETWEEN 41 AND 552), -- nonce 24, key, tag 16
    fingerprint text NOT NULL CHECK (length(fingerprint) = 8), -- the first digits of the key's SHA-256
    author      text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz,
    UNIQUE (provider, fingerprint)
);

CREATE FUNCTION provider_key_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tr_fleet', 'keys');
    RETURN NULL;
END $$;
CREATE TRIGGER provider_key_notify AFTER INSERT OR UPDATE OR DELETE ON provider_key
    FOR EACH STATEMENT EXECUTE FUNCTION provider_key_notify();

-- Keys that a data plane does not use at present, because their provider refuses them.
CREATE TABLE provider_key_aside (
    boot_id uuid NOT NULL,
    key_id  uuid NOT NULL REFERENCES provider_key ON DELETE CASCADE,
    trouble text NOT NULL CHECK (trouble IN ('unauthorized', 'unpaid', 'forbidden', 'rate_limited')),
    since   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (boot_id, key_id)
);
CREATE INDEX provider_key_aside_by_key ON provider_key_aside (key_id);

-- A boot sets these aside now, and no others.
CREATE FUNCTION provider_keys_aside(p_boot uuid, p_keys uuid[], p_troubles text[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM provider_key_aside WHERE boot_id = p_boot AND key_id <> ALL (p_keys);
    INSERT INTO provider_key_aside AS a (boot_id, key_id, trouble)
    SELECT p_boot, k.key_id, u.trouble FROM unnest(p_keys, p_troubles) AS u (key_id, trouble) JOIN provider_key k USING (key_id)
    ON CONFLICT (boot_id, key_id) DO UPDATE SET trouble = EXCLUDED.trouble, since = now()
    WHERE a.trouble <> EXCLUDED.trouble;
$$;

-- False: the provider has eight already, as many as a data plane keeps.
CREATE FUNCTION provider_key_create(p_id uuid, p_provider text, p_label text, p_weight bigint, p_master bytea, p_sealed bytea,
                                    p_fingerprint text, p_author text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE provider_key IN SHARE ROW EXCLUSIVE MODE;
    IF (SELECT count(*) FROM provider_key WHERE provider = p_provider) >= 8 THEN
        RETURN false;
    END IF;
    INSERT INTO provider_key (key_id, provider, label, weight, master_id, sealed, fingerprint, author)
    VALUES (p_id, p_provider, p_label, p_weight, p_master, p_sealed, p_fingerprint, p_author);
    RETURN true;
END $$;

-- Encrypted anew under another master key: those that are still as they were read.
CREATE FUNCTION provider_key_rewrap(p_ids uuid[], p_before bytea[], p_sealed bytea[], p_master bytea) RETURNS bigint
LANGUAGE sql AS $$
    WITH done AS (
        UPDATE provider_key k SET sealed = u.sealed, master_id = p_master, updated_at = now()
        FROM unnest(p_ids, p_before, p_sealed) AS u (key_id, before, sealed)
        WHERE k.key_id = u.key_id AND k.sealed = u.before RETURNING 1)
    SELECT count(*) FROM done
$$;

CREATE FUNCTION provider_key_object(k provider_key) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', k.key_id, 'provider', k.provider, 'label', k.label, 'weight', k.weight,
        'disabled', k.disabled, 'fingerprint', k.fingerprint, 'master_key_id', encode(k.master_id, 'hex'),
        'author', k.author, 'created_at', utc_text(k.created_at), 'updated_at', utc_text(k.updated_at),
        'set_aside', (SELECT coalesce(json_agg(json_build_object('boot', a.boot_id, 'reason', a.trouble,
                                                                 'since', utc_text(a.since)) ORDER BY a.since), '[]')
                      FROM provider_key_aside a JOIN boot b USING (boot_id)
                      WHERE a.key_id = k.key_id AND b.link IS NOT NULL))
$$;

-- Again, with what goes when its boot has gone.
CREATE OR REPLACE FUNCTION fleet_prune() RETURNS void LANGUAGE sql AS $$
    DELETE FROM boot_event WHERE at < now() - interval '90 days';
    DELETE FROM policy_version WHERE state = 'failed' AND created_at < now() - interval '90 days';
    DELETE FROM provider_key_aside a WHERE NOT EXISTS (
        SELECT 1 FROM boot b WHERE b.boot_id = a.boot_id AND (b.link IS NOT NULL OR b.unlinked_at > now() - interval '1 day'));
$$;
