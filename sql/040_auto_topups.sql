-- Automatic top-ups, monthly invoices of accounts that pay afterwards, credits of customers who come from elsewhere.

-- --- automatic top-ups

-- What an account has: also what is lent to data planes, because lending spends nothing.
CREATE FUNCTION payment_balance(p_account uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(balance_nusd), 0)::bigint FROM ledger_account
    WHERE owner = p_account AND kind IN ('available', 'leased')
$$;

CREATE FUNCTION payment_month(at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$;

-- While a debt is open, of this or another workspace of the organisation, no card is charged by itself: the charge would
-- pay what a bank or an operator took back. When the account has paid for another one, the customer decides anew.
CREATE FUNCTION auto_topup_owes(p_account uuid) RETURNS boolean LANGUAGE sql STABLE AS
    'SELECT ledger_organisation_owes(p_account)';
CREATE FUNCTION auto_topup_paid_for() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auto_topup SET state = 'off', reason = 'debt_of_another_workspace', updated_at = ledger_now()
    WHERE account_id = NEW.account_id AND state = 'on';
    RETURN NULL;
END $$;
CREATE TRIGGER auto_topup_paid_for AFTER INSERT ON transfer FOR EACH ROW
    WHEN (NEW.kind = 'move' AND NEW.reason = 'debt of another workspace') EXECUTE FUNCTION auto_topup_paid_for();

-- The claim of one account's charge: its row, before anything is charged. outcome: claimed; busy (the account's row
-- is held, or a charge is under way); owes; enough; no_payment_method; monthly_ceiling.
CREATE FUNCTION auto_topup_try(p_account uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t auto_topup;
    card text;
    customer text;
    charged bigint;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account AND state = 'active' FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 'busy';
    END IF;
    IF auto_topup_owes(p_account) THEN
        RETURN 'owes';
    END IF;
    SELECT * INTO t FROM auto_topup WHERE account_id = p_account AND state = 'on' AND next_at <= ledger_now();
    IF NOT FOUND OR payment_balance(p_account) >= t.threshold_nusd THEN
        RETURN 'enough';
    END IF;
    SELECT c.customer_ref INTO customer FROM payment_customer c WHERE c.account_id = p_account;
    SELECT m.method_ref INTO card FROM payment_method m
    WHERE m.account_id = p_account AND m.state = 'attached' AND m.method_ref = coalesce(t.method_ref, m.method_ref)
    ORDER BY m.since DESC, m.method_ref LIMIT 1;
    IF card IS NULL OR customer IS NULL THEN
        UPDATE auto_topup SET state = 'off', reason = 'no_payment_method' WHERE account_id = p_account;
        RETURN 'no_payment_method';
    END IF;
    SELECT coalesce(sum(p.amount_nusd), 0) INTO charged FROM payment p
    WHERE p.account_id = p_account AND p.kind = 'auto' AND p.state NOT IN ('failed', 'expired')
      AND p.created_at >= payment_month(ledger_now());
    IF charged + t.amount_nusd > t.ceiling_nusd THEN
        UPDATE auto_topup SET reason = 'monthly_ceiling',
            next_at = payment_month(payment_month(ledger_now()) + interval '40 days')
        WHERE account_id = p_account;
        RETURN 'monthly_ceiling';
    END IF;
    INSERT INTO payment (account_id, payment_id, kind, amount_nusd, customer_ref, method_ref, created_at,
                         updated_at, check_at)
    VALUES (p_account, gen_random_uuid(), 'auto', t.amount_nusd, customer, card, ledger_now(), ledger_now(),
            ledger_now())
    ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN 'claimed' ELSE 'busy' END;
END $$;

-- Claims for at most p_max accounts that are below their threshold. Any number of control planes may ask.
CREATE FUNCTION auto_topup_claim(p_max bigint) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (
        SELECT auto_topup_try(t.account_id) AS said FROM (
            SELECT t.account_id FROM auto_topup t
            WHERE t.state = 'on' AND t.next_at <= ledger_now()
              AND (SELECT a.state FROM account a WHERE a.account_id = t.account_id) = 'active'
              AND payment_balance(t.account_id) < t.threshold_nusd AND NOT auto_topup_owes(t.account_id)
              AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.account_id = t.account_id AND p.kind = 'auto'
                              AND p.state IN ('claimed', 'open', 'processing'))
            ORDER BY t.next_at LIMIT p_max) t) x
    WHERE said = 'claimed'
$$;

CREATE FUNCTION auto_topup_json(t auto_topup) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('object', 'auto_topup', 'enabled', t.state = 'on', 'threshold', usd(t.threshold_nusd),
        'amount', usd(t.amount_nusd), 'monthly_ceiling', usd(t.ceiling_nusd), 'payment_method', t.method_ref,
        'failures', t.failures,
        'reason', coalesce(t.reason, CASE WHEN auto_topup_owes(t.account_id) THEN 'account_owes' END),
        'next_attempt_at', CASE WHEN t.state = 'on' AND t.next_at > ledger_now() THEN utc_text(t.next_at) END,
        'charged_this_month', (SELECT usd(coalesce(sum(p.amount_nusd), 0)) FROM payment p
            WHERE p.account_id = t.account_id AND p.kind = 'auto' AND p.state NOT IN ('failed', 'expired')
              AND p.created_at >= payment_month(ledger_now())))
$$;

-- outcome: ok; no_payment_method (there is no such card, or none at all).
CREATE FUNCTION auto_topup_put(p_account uuid, p_threshold bigint, p_amount bigint, p_ceiling bigint,
                               p_method text, p_enabled boolean, OUT outcome text, OUT o_json json)
LANGUAGE plpgsql AS $$
DECLARE
    t auto_topup;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    IF p_enabled AND NOT EXISTS (SELECT 1 FROM payment_method WHERE account_id = p_account AND state = 'attached'
                                 AND method_ref = coalesce(p_method, method_ref)) THEN
        outcome := 'no_payment_method';
        RETURN;
    END IF;
    INSERT INTO auto_topup (account_id, threshold_nusd, amount_nusd, ceiling_nusd, method_ref, state, next_at,
                            updated_at)
    VALUES (p_account, p_threshold, p_amount, p_ceiling, p_method, CASE WHEN p_enabled THEN 'on' ELSE 'off' END,
            ledger_now(), ledger_now())
    ON CONFLICT (account_id) DO UPDATE SET threshold_nusd = excluded.threshold_nusd,
        amount_nusd = excluded.amount_nusd, ceiling_nusd = excluded.ceiling_nusd, method_ref = excluded.method_ref,
        state = excluded.state, reason = NULL, failures = 0, next_at = excluded.next_at,
        updated_at = excluded.updated_at
    RETURNING * INTO t;
    outcome := 'ok';
    o_json := auto_topup_json(t);
END $$;

-- The customer takes a card away; the service is told afterwards, and tells us again.
CREATE FUNCTION payment_method_drop(p_account uuid, p_method text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payment_method SET state = 'detached'
    WHERE account_id = p_account AND method_ref = p_method AND state = 'attached';
    RETURN FOUND;
END $$;

CREATE FUNCTION payment_method_json(m payment_method) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', m.method_ref, 'object', 'payment_method', 'brand', m.brand, 'last4', m.last4,
        'exp_month', m.exp_month, 'exp_year', m.exp_year, 'created_at', utc_text(m.since))
$$;

-- --- accounts that pay afterwards
-- An operator grants a line: its ceiling is posted as credits (an adjustment), so the account can spend up to it and never more, and
-- nothing in the ledger is below zero. What the account owes is what its balance (lent money included, debts taken
-- off) is below the line; credits that it bought are spent first. What went back of a paid invoice is not owed again:
-- the operator gave it back, or a bank did. On the first of a month (UTC) that sum, less what unpaid invoices
-- ask for already, becomes an invoice; when it is paid, the same sum is booked as a top-up and the line is whole again.

CREATE TABLE credit_line (
    account_id   uuid PRIMARY KEY REFERENCES account,
    ceiling_nusd bigint NOT NULL CHECK (ceiling_nusd >= 0), -- as it is posted
    moves        integer NOT NULL DEFAULT 0, -- numbers the postings
    invoice_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX credit_line_by_time ON credit_line (invoice_at) WHERE ceiling_nusd > 0;

CREATE FUNCTION credit_line_owed(c credit_line) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT greatest(0, c.ceiling_nusd - payment_balance(c.account_id) - ledger_balance(c.account_id, 'owed')
        - (SELECT coalesce(sum(p.back_nusd), 0) FROM payment p
           WHERE p.account_id = c.account_id AND p.kind = 'invoice'))::bigint
$$;

-- What unpaid invoices ask for. A failed one is asked for again by the next invoice.
CREATE FUNCTION credit_line_invoiced(p_account uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(amount_nusd), 0)::bigint FROM payment
    WHERE account_id = p_account AND kind = 'invoice' AND state IN ('claimed', 'open', 'processing')
$$;

CREATE FUNCTION credit_line_json(c credit_line) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('object', 'credit_line', 'workspace_id', c.account_id, 'ceiling', usd(c.ceiling_nusd),
        'used', usd(credit_line_owed(c)), 'invoiced_unpaid', usd(credit_line_invoiced(c.account_id)),
        'next_invoice_at', CASE WHEN c.ceiling_nusd > 0 THEN utc_text(c.invoice_at) END)
$$;

-- outcome: ok; unknown (no such account); no_payment_method (nothing to charge); used (that much of the line is spent
-- or lent: what is left of it can be taken back only).
CREATE FUNCTION credit_line_set(p_account uuid, p_ceiling bigint, OUT outcome text, OUT o_json json)
LANGUAGE plpgsql AS $$
DECLARE
    c credit_line;
    change bigint;
    moved record;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    IF p_ceiling > 0 AND NOT EXISTS (SELECT 1 FROM payment_method
                                     WHERE account_id = p_account AND state = 'attached') THEN
        outcome := 'no_payment_method';
        RETURN;
    END IF;
    INSERT INTO credit_line VALUES (p_account, 0, 0, payment_month(payment_month(ledger_now()) + interval '40 days'),
                                    ledger_now()) ON CONFLICT (account_id) DO NOTHING;
    SELECT * INTO c FROM credit_line WHERE account_id = p_account;
    change := p_ceiling - c.ceiling_nusd;
    IF change <> 0 THEN
        SELECT * INTO moved FROM ledger_change(p_account, 'adjustment', change, 'credit line',
                                               'credit-line:' || c.moves);
        IF moved.outcome <> 'ok' THEN
            outcome := 'used';
            RETURN;
        END IF;
    END IF;
    UPDATE credit_line SET ceiling_nusd = p_ceiling, moves = moves + (change <> 0)::integer, updated_at = ledger_now()
    WHERE account_id = p_account RETURNING * INTO c;
    outcome := 'ok';
    o_json := credit_line_json(c);
END $$;

-- Invoices whose time has come, for at most p_max accounts: a payment's row each, before the service is asked. What
-- is less than p_least (the least that the service can ask for) waits for the next month.
CREATE FUNCTION invoice_claim(p_max bigint, p_least bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    c credit_line;
    owed bigint;
    made bigint := 0;
BEGIN
    FOR c IN SELECT * FROM credit_line WHERE ceiling_nusd > 0 AND invoice_at <= ledger_now()
             ORDER BY invoice_at LIMIT p_max LOOP
        PERFORM 1 FROM account WHERE account_id = c.account_id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        SELECT * INTO c FROM credit_line WHERE account_id = c.account_id AND invoice_at <= ledger_now();
        CONTINUE WHEN NOT FOUND; -- another control plane was here
        -- The service counts in cents: what is left of one is owed on.
        owed := (credit_line_owed(c) - credit_line_invoiced(c.account_id)) / 10000000 * 10000000;
        IF owed >= p_least THEN
            INSERT INTO payment (account_id, payment_id, kind, amount_nusd, customer_ref, method_ref, period, created_at,
                                 updated_at, check_at)
            SELECT c.account_id, gen_random_uuid(), 'invoice', owed,
                (SELECT customer_ref FROM payment_customer WHERE account_id = c.account_id),
                (SELECT method_ref FROM payment_method WHERE account_id = c.account_id AND state = 'attached'
                 ORDER BY since DESC, method_ref LIMIT 1),
                (payment_month(c.invoice_at - interval '1 day') AT TIME ZONE 'UTC')::date, ledger_now(), ledger_now(),
                ledger_now()
            ON CONFLICT DO NOTHING;
            made := made + FOUND::integer;
        END IF;
        UPDATE credit_line SET invoice_at = payment_month(payment_month(ledger_now()) + interval '40 days')
        WHERE account_id = c.account_id;
    END LOOP;
    RETURN made;
END $$;

-- --- credits for customers who come from elsewhere
-- The customer says what they have there; an operator decides. An approval is a promotion with an end.

CREATE TABLE credit_request (
    account_id   uuid NOT NULL REFERENCES account,
    request_id   uuid NOT NULL,
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'declined')),
    evidence     text NOT NULL CHECK (length(evidence) BETWEEN 1 AND 256),
    amount_nusd  bigint NOT NULL CHECK (amount_nusd > 0), -- asked for
    granted_nusd bigint CHECK (granted_nusd > 0),
    expires_at   timestamptz,
    created_at   timestamptz NOT NULL,
    decided_at   timestamptz,
    PRIMARY KEY (account_id, request_id),
    CHECK ((state = 'approved') = (granted_nusd IS NOT NULL AND expires_at IS NOT NULL)),
    CHECK ((state = 'pending') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX credit_request_one_pending ON credit_request (account_id) WHERE state = 'pending';
CREATE INDEX credit_request_by_age ON credit_request (state, created_at);

CREATE FUNCTION credit_request_json(r credit_request) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', r.request_id, 'object', 'credit_request', 'workspace_id', r.account_id,
        'status', r.state, 'evidence', r.evidence, 'amount', usd(r.amount_nusd), 'granted', usd(r.granted_nusd),
        'expires_at', utc_text(r.expires_at), 'created_at', utc_text(r.created_at),
        'decided_at', utc_text(r.decided_at))
$$;

-- p_amount NULL: declined. outcome: ok; unknown; decided (already, otherwise: the same
-- decision again is ok); expired (the end is not in the future).
CREATE FUNCTION credit_request_decide(p_account uuid, p_request uuid, p_amount bigint, p_expires_ms bigint,
                                      OUT outcome text, OUT o_json json) LANGUAGE plpgsql AS $$
DECLARE
    r credit_request;
    said text;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    SELECT * INTO r FROM credit_request WHERE account_id = p_account AND request_id = p_request FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    IF r.state = 'pending' THEN
        IF p_amount IS NOT NULL THEN
            SELECT p.outcome INTO said FROM ledger_promote(p_account, gen_random_uuid(), p_amount,
                to_timestamp(p_expires_ms / 1000.0), 'credit request', 'credit-request:' || p_request) p;
            IF said <> 'ok' THEN
                outcome := said; -- expired
                RETURN;
            END IF;
        END IF;
        UPDATE credit_request SET state = CASE WHEN p_amount IS NULL THEN 'declined' ELSE 'approved' END,
            granted_nusd = p_amount, decided_at = ledger_now(),
            expires_at = CASE WHEN p_amount IS NOT NULL THEN to_timestamp(p_expires_ms / 1000.0) END
        WHERE account_id = p_account AND request_id = p_request RETURNING * INTO r;
    ELSIF r.granted_nusd IS DISTINCT FROM p_amount THEN
        outcome := 'decided';
        RETURN;
    END IF;
    outcome := 'ok';
    o_json := credit_request_json(r);
END $$;

-- Who changes what of these is in the audit trail.
DO $$
DECLARE
    of text;
BEGIN
    IF to_regprocedure('audit_on(regclass)') IS NOT NULL THEN
        FOREACH of IN ARRAY ARRAY['auto_topup', 'payment_refund', 'credit_line', 'credit_request'] LOOP
            EXECUTE format('SELECT audit_on(%L::regclass)', of);
        END LOOP;
    END IF;
END $$;
