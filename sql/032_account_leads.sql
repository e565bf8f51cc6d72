-- Every table of a customer's leads its primary key and its unique indexes with the account, so that the tables can be
-- spread over servers by account (docs/operations.md, "More than one database server"; tests/checks/tenant_schema.sh).
-- What has to be found without the account has a plain index, or a directory: key_digest.

-- --- the three rows that all accounts once shared

-- 013 gave every account its own deposits, revenue and write-offs, and kept the shared rows with their postings,
-- which its transfers of kind 'split' undo. The postings move to the account's own rows, where the two cancel out.
ALTER TABLE posting DISABLE TRIGGER posting_immutable;
ALTER TABLE transfer DISABLE TRIGGER transfer_immutable;
DELETE FROM posting p USING transfer t WHERE t.transfer_id = p.transfer_id AND t.kind = 'split';
DELETE FROM transfer WHERE kind = 'split';
UPDATE posting p SET ledger_account_id = own.ledger_account_id
FROM ledger_account shared, ledger_account own, transfer t
WHERE p.ledger_account_id = shared.ledger_account_id AND shared.owner IS NULL AND t.transfer_id = p.transfer_id
  AND own.owner = t.account_id AND own.kind = shared.kind;
DELETE FROM ledger_account WHERE owner IS NULL;
SET CONSTRAINTS ALL IMMEDIATE;

ALTER TABLE ledger_account DROP CONSTRAINT ledger_shared_is_empty;
ALTER TABLE transfer DROP CONSTRAINT transfer_kind_check;
ALTER TABLE transfer ADD CONSTRAINT transfer_kind_check
    CHECK (kind IN ('topup', 'lease', 'return', 'reclaim', 'usage'));

-- --- the ledger

ALTER TABLE posting DROP CONSTRAINT posting_ledger_account_id_fkey;
ALTER TABLE posting DROP CONSTRAINT posting_transfer_id_fkey;
ALTER TABLE posting DROP CONSTRAINT posting_pkey;
ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_pkey;
ALTER TABLE ledger_account ALTER owner SET NOT NULL, ADD PRIMARY KEY (owner, ledger_account_id);
ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_owner_kind_key;
ALTER TABLE ledger_account ADD UNIQUE (owner, kind);
CREATE INDEX ledger_account_by_id ON ledger_account (ledger_account_id);
ALTER TABLE transfer DROP CONSTRAINT transfer_pkey;
ALTER TABLE transfer ADD PRIMARY KEY (account_id, transfer_id);

ALTER TABLE posting ADD account_id uuid;
UPDATE posting p SET account_id = t.account_id FROM transfer t WHERE t.transfer_id = p.transfer_id;
ALTER TABLE posting ALTER account_id SET NOT NULL,
    ADD PRIMARY KEY (account_id, transfer_id, ledger_account_id),
    ADD FOREIGN KEY (account_id, transfer_id) REFERENCES transfer,
    ADD FOREIGN KEY (account_id, ledger_account_id) REFERENCES ledger_account;
DROP INDEX posting_by_ledger_account;
CREATE INDEX posting_by_ledger_account ON posting (account_id, ledger_account_id);
ALTER TABLE posting ENABLE TRIGGER posting_immutable;
ALTER TABLE transfer ENABLE TRIGGER transfer_immutable;

-- A statement that names no account posts to the one whose ledger account it is.
CREATE FUNCTION posting_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT owner INTO NEW.account_id FROM ledger_account WHERE ledger_account_id = NEW.ledger_account_id;
    RETURN NEW;
END $$;
CREATE TRIGGER posting_of_account BEFORE INSERT ON posting FOR EACH ROW WHEN (NEW.account_id IS NULL)
    EXECUTE FUNCTION posting_of_account();

CREATE OR REPLACE FUNCTION posting_move_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM ledger_account a
    WHERE (a.owner, a.ledger_account_id) IN (SELECT n.account_id, n.ledger_account_id FROM new_postings n)
    ORDER BY a.ledger_account_id FOR NO KEY UPDATE;
    UPDATE ledger_account a SET balance_nusd = a.balance_nusd + s.amount_nusd
    FROM (SELECT account_id, ledger_account_id, sum(amount_nusd)::bigint AS amount_nusd
          FROM new_postings GROUP BY 1, 2) s
    WHERE a.owner = s.account_id AND a.ledger_account_id = s.ledger_account_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION transfer_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    total numeric;
    sides bigint;
BEGIN
    SELECT coalesce(sum(amount_nusd), 0), count(*) INTO total, sides
    FROM posting WHERE account_id = NEW.account_id AND transfer_id = NEW.transfer_id;
    IF total <> 0 OR sides < 2 THEN
        RAISE EXCEPTION 'transfer % does not balance', NEW.transfer_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- --- keys, leases, customers' own provider keys

-- Foreign keys to an API key name its account too, whichever tables have one by now.
DO $$
DECLARE
    f record;
BEGIN
    CREATE TEMP TABLE of_keys ON COMMIT DROP AS
    SELECT n.nspname AS room, t.relname AS tab, c.conname,
           (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1]) AS col,
           c.confdeltype = 'c' AS cascades
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE c.contype = 'f' AND c.confrelid = 'api_key'::regclass AND cardinality(c.conkey) = 1 AND c.conparentid = 0;
    FOR f IN SELECT * FROM of_keys LOOP
        EXECUTE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', f.room, f.tab, f.conname);
    END LOOP;
    ALTER TABLE api_key DROP CONSTRAINT api_key_pkey;
    ALTER TABLE api_key ADD PRIMARY KEY (account_id, key_id);
    FOR f IN SELECT * FROM of_keys LOOP
        IF f.cascades THEN
            EXECUTE format('ALTER TABLE %I.%I ADD FOREIGN KEY (account_id, %I) REFERENCES api_key ON DELETE CASCADE',
                           f.room, f.tab, f.col);
        ELSE
            EXECUTE format('ALTER TABLE %I.%I ADD FOREIGN KEY (account_id, %I) REFERENCES api_key', f.room, f.tab,
                           f.col);
        END IF;
    END LOOP;
END $$;
CREATE INDEX api_key_by_id ON api_key (key_id);

-- Which account a key's text belongs to, by its digest: on every server the same. A digest stands here once, so no two
-- keys have it. A key that was rotated has two for a while (030).
CREATE TABLE key_digest (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    account_id uuid NOT NULL,
    key_id     uuid NOT NULL
);
CREATE FUNCTION api_key_texts(k api_key) RETURNS SETOF bytea LANGUAGE sql STABLE AS $$
    SELECT t FROM unnest(ARRAY[k.digest, (to_jsonb(k) ->> 'old_digest')::bytea]) t WHERE t IS NOT NULL
$$;
INSERT INTO key_digest (digest, account_id, key_id)
SELECT t, k.account_id, k.key_id FROM api_key k CROSS JOIN LATERAL api_key_texts(k) t;
CREATE FUNCTION api_key_digest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND ARRAY(SELECT api_key_texts(NEW)) = ARRAY(SELECT api_key_texts(OLD)) THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM key_digest WHERE digest IN (SELECT api_key_texts(OLD));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO key_digest (digest, account_id, key_id)
        SELECT t, NEW.account_id, NEW.key_id FROM api_key_texts(NEW) t;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER api_key_digest AFTER INSERT OR DELETE OR UPDATE ON api_key
    FOR EACH ROW EXECUTE FUNCTION api_key_digest();
ALTER TABLE api_key DROP CONSTRAINT api_key_digest_key;
ALTER TABLE api_key DROP CONSTRAINT IF EXISTS api_key_old_digest_key;
CREATE INDEX api_key_by_digest ON api_key (digest);

ALTER TABLE lease DROP CONSTRAINT lease_pkey;
ALTER TABLE lease ADD PRIMARY KEY (account_id, lease_id);
CREATE INDEX lease_by_id ON lease (lease_id);
ALTER TABLE byok_key DROP CONSTRAINT byok_key_pkey;
ALTER TABLE byok_key ADD PRIMARY KEY (account_id, byok_id);

-- Which request came first under a key: found by the request, too. Its ids are random; an account's claims lead with it.
ALTER TABLE idempotency DROP CONSTRAINT idempotency_request_id_key;
CREATE INDEX idempotency_by_request ON idempotency (request_id);

-- --- one operator

-- Bootstrap makes the operator's account once: who is first has the one row, on every server the same.
CREATE TABLE operator_account (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    account_id uuid NOT NULL
);
INSERT INTO operator_account (account_id) SELECT account_id FROM account WHERE operator;
CREATE FUNCTION account_is_operator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operator_account (account_id) VALUES (NEW.account_id);
    RETURN NULL;
END $$;
CREATE TRIGGER account_is_operator AFTER INSERT ON account FOR EACH ROW WHEN (NEW.operator)
    EXECUTE FUNCTION account_is_operator();
CREATE TRIGGER account_becomes_operator AFTER UPDATE OF operator ON account FOR EACH ROW
    WHEN (NEW.operator AND NOT OLD.operator) EXECUTE FUNCTION account_is_operator();
DROP INDEX account_one_operator;
