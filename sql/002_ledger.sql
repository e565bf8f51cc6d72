-- Double entry in nano-USD. Money moves between ledger accounts by transfers; a transfer's postings
-- are written once and sum to zero; balances stand beside them and are moved by the same statement.
--
-- Locks are taken in one order everywhere: boot, account rows by id, then ledger accounts by id.

CREATE TABLE ledger_account (
    ledger_account_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner        uuid REFERENCES account,
    kind         text NOT NULL
                 CHECK (kind IN ('deposits', 'revenue', 'writeoff', 'available', 'leased')),
    balance_nusd bigint NOT NULL DEFAULT 0,
    UNIQUE NULLS NOT DISTINCT (owner, kind),
    CHECK ((owner IS NULL) = (kind IN ('deposits', 'revenue', 'writeoff'))),
    -- A customer's money never goes below zero, whatever a function above it does wrong.
    CONSTRAINT ledger_no_overdraft CHECK (owner IS NULL OR balance_nusd >= 0)
) WITH (fillfactor = 50);

-- deposits goes negative (what the world gave us), revenue positive, writeoff negative.
INSERT INTO ledger_account (owner, kind) VALUES (NULL, 'deposits'), (NULL, 'revenue'), (NULL, 'writeoff');

CREATE FUNCTION account_open_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_account (owner, kind)
    VALUES (NEW.account_id, 'available'), (NEW.account_id, 'leased');
    RETURN NULL;
END $$;
CREATE TRIGGER account_open_ledger AFTER INSERT ON account
    FOR EACH ROW EXECUTE FUNCTION account_open_ledger();

CREATE TABLE transfer (
    transfer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('topup', 'lease', 'return', 'reclaim', 'usage')),
    account_id  uuid NOT NULL REFERENCES account,
    lease_id    uuid,
    idempotency text CHECK (length(idempotency) BETWEEN 1 AND 255),
    at          timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX transfer_once ON transfer (account_id, kind, idempotency)
    WHERE idempotency IS NOT NULL;
CREATE INDEX transfer_by_account ON transfer (account_id, at);

CREATE TABLE posting (
    transfer_id       bigint NOT NULL REFERENCES transfer,
    ledger_account_id bigint NOT NULL REFERENCES ledger_account,
    amount_nusd       bigint NOT NULL CHECK (amount_nusd <> 0),
    PRIMARY KEY (transfer_id, ledger_account_id)
);
CREATE INDEX posting_by_ledger_account ON posting (ledger_account_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER transfer_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON posting
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Balances move in the statement that writes the postings. Rows are locked by id first, so that two
-- statements never wait for each other in a ring.
CREATE FUNCTION posting_move_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM ledger_account
    WHERE ledger_account_id IN (SELECT n.ledger_account_id FROM new_postings n)
    ORDER BY ledger_account_id FOR NO KEY UPDATE;
    UPDATE ledger_account a SET balance_nusd = a.balance_nusd + s.amount_nusd
    FROM (SELECT ledger_account_id, sum(amount_nusd)::bigint AS amount_nusd
          FROM new_postings GROUP BY 1) s
    WHERE a.ledger_account_id = s.ledger_account_id;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_move_balances AFTER INSERT ON posting REFERENCING NEW TABLE AS new_postings
    FOR EACH STATEMENT EXECUTE FUNCTION posting_move_balances();

-- At commit every transfer that was written or added to sums to zero and has two sides.
CREATE FUNCTION transfer_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    total numeric;
    sides bigint;
BEGIN
    SELECT coalesce(sum(amount_nusd), 0), count(*) INTO total, sides
    FROM posting WHERE transfer_id = NEW.transfer_id;
    IF total <> 0 OR sides < 2 THEN
        RAISE EXCEPTION 'transfer % does not balance', NEW.transfer_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER transfer_must_balance AFTER INSERT ON transfer
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION transfer_must_balance();
CREATE CONSTRAINT TRIGGER posting_must_balance AFTER INSERT ON posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION transfer_must_balance();

-- Money lent to one boot for one key. What is left of it, granted - spent - returned, is in the
-- account's leased balance while the lease is open and zero afterwards.
CREATE TABLE lease (
    lease_id      uuid PRIMARY KEY,
    key_id        uuid NOT NULL REFERENCES api_key,
    account_id    uuid NOT NULL REFERENCES account,
    boot_id       uuid NOT NULL REFERENCES boot,
    granted_nusd  bigint NOT NULL DEFAULT 0 CHECK (granted_nusd >= 0),
    spent_nusd    bigint NOT NULL DEFAULT 0 CHECK (spent_nusd >= 0),
    returned_nusd bigint NOT NULL DEFAULT 0 CHECK (returned_nusd >= 0),
    state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'returned', 'reclaimed')),
    opened_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    closed_at     timestamptz,
    CONSTRAINT lease_not_overdrawn CHECK (spent_nusd + returned_nusd <= granted_nusd),
    CONSTRAINT lease_closed_is_empty
        CHECK (state = 'open' OR spent_nusd + returned_nusd = granted_nusd),
    CHECK ((state = 'open') = (closed_at IS NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX lease_one_open ON lease (key_id, boot_id) WHERE state = 'open';
CREATE INDEX lease_open_by_expiry ON lease (expires_at) WHERE state = 'open';
CREATE INDEX lease_by_account ON lease (account_id);
