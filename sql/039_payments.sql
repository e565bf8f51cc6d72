-- Payments: what a customer pays through a payment service ("rail": Stripe), and what of it went back.
--
-- 1. What the service says about one of its objects is a fact, whether it came as an answer to a request of ours or
--    as a webhook event: one JSON object, one function, payment_fact(), one transaction. A payment is moved by the
--    state that the fact names, never by the order in which facts arrive: a state is entered only from one of a
--    lower rank, and the credits that were taken back follow from sums over refunds and disputes.
-- 2. A payment's row is written before the service is asked for anything, and its id is the idempotency key of every
--    request about it. So whatever dies at whatever point, the row says what has to be asked about again.
-- 3. Of a card there is the service's id, the brand, the last four digits and the expiry.
--
-- Locks: the account's row first, as everywhere, then the payment's.

-- The service's customer of an account.
CREATE TABLE payment_customer (
    account_id   uuid PRIMARY KEY REFERENCES account,
    customer_ref text NOT NULL CHECK (length(customer_ref) BETWEEN 1 AND 255),
    made_at      timestamptz NOT NULL DEFAULT now()
);

-- Whose an object of the service is: a directory, the same for all accounts (a reference table under Citus).
CREATE TABLE payment_object (
    ref        text PRIMARY KEY CHECK (length(ref) BETWEEN 1 AND 255),
    account_id uuid NOT NULL,
    payment_id uuid -- NULL: a customer
);

-- A detached card keeps its row: a fact that comes late must not bring it back.
CREATE TABLE payment_method (
    account_id uuid NOT NULL REFERENCES account,
    method_ref text NOT NULL CHECK (length(method_ref) BETWEEN 1 AND 255),
    state      text NOT NULL CHECK (state IN ('attached', 'detached')),
    brand      text CHECK (length(brand) <= 32),
    last4      text CHECK (length(last4) <= 4),
    exp_month  integer,
    exp_year   integer,
    since      timestamptz NOT NULL,
    PRIMARY KEY (account_id, method_ref)
);

-- claimed: the service may or may not have been asked. open: it has the object, and somebody has to act (the
-- customer at a checkout, a card's issuer). processing: the money is on its way. failed, expired: as far as is known
-- now; a payment that comes all the same is booked. saved: a card was stored, nothing was to be paid. paid: booked.
CREATE FUNCTION payment_rank(state text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE state WHEN 'claimed' THEN 1 WHEN 'open' THEN 2 WHEN 'processing' THEN 3
                      WHEN 'failed' THEN 4 WHEN 'expired' THEN 4 WHEN 'saved' THEN 5 WHEN 'paid' THEN 5 END
$$;

CREATE TABLE payment (
    account_id   uuid NOT NULL REFERENCES account,
    payment_id   uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('checkout', 'setup', 'auto', 'invoice')),
    state        text NOT NULL DEFAULT 'claimed' CHECK (payment_rank(state) IS NOT NULL),
    amount_nusd  bigint NOT NULL CHECK (amount_nusd >= 0), -- credits that were asked for; 0: setup
    customer_ref text, -- as the service is asked: a repeated request must be the same request
    method_ref   text,
    checkout_ref text,
    intent_ref   text,
    invoice_ref  text,
    period       date, -- of an invoice: the first day of its month
    total_nusd   bigint, -- what was paid, tax included
    tax_nusd     bigint,
    booked_nusd  bigint, -- the credits it gave: total - tax
    charged_back_nusd bigint NOT NULL DEFAULT 0, -- the most the service ever named as refunded in all
    back_nusd    bigint NOT NULL DEFAULT 0 CHECK (back_nusd >= 0), -- credits taken back now; what was spent is a debt
    moves        integer NOT NULL DEFAULT 0, -- numbers the postings that take back and give again
    code         text CHECK (length(code) <= 64), -- why it failed: the service's name of the reason
    url          text, -- where the customer pays, or sees invoice or receipt
    pdf          text,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    paid_at      timestamptz,
    check_at     timestamptz, -- when the service is to be asked (again); NULL: there is nothing to ask
    checks       integer NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, payment_id),
    CHECK ((state = 'paid') = (booked_nusd IS NOT NULL)),
    CHECK (back_nusd <= coalesce(booked_nusd, 0))
) WITH (fillfactor = 70);
CREATE INDEX payment_by_time ON payment (account_id, created_at, payment_id);
CREATE INDEX payment_by_check ON payment (check_at) WHERE check_at IS NOT NULL;
-- One automatic charge of an account at a time: the claim before any charge.
CREATE UNIQUE INDEX payment_one_auto ON payment (account_id)
    WHERE kind = 'auto' AND state IN ('claimed', 'open', 'processing');
CREATE UNIQUE INDEX payment_one_invoice ON payment (account_id, period) WHERE kind = 'invoice';

-- claimed: the credits are taken back, the service may or may not have been asked. pending: it knows, and is asked how
-- it went (check_at) when we began the refund. succeeded.
-- failed: nothing went to the customer; also after succeeded, when a bank sends the money back.
CREATE TABLE payment_refund (
    account_id  uuid NOT NULL REFERENCES account,
    refund_id   text NOT NULL CHECK (length(refund_id) BETWEEN 1 AND 255), -- ours (32 hex digits), or the service's
    payment_id  uuid NOT NULL,
    refund_ref  text,
    amount_nusd bigint NOT NULL CHECK (amount_nusd > 0), -- of what was paid, tax included
    state       text NOT NULL CHECK (state IN ('claimed', 'pending', 'succeeded', 'failed')),
    code        text CHECK (length(code) <= 64),
    reason      text CHECK (length(reason) <= 256),
    created_at  timestamptz NOT NULL,
    check_at    timestamptz,
    checks      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, refund_id),
    FOREIGN KEY (account_id, payment_id) REFERENCES payment
);
CREATE INDEX payment_refund_by_payment ON payment_refund (account_id, payment_id);
CREATE INDEX payment_refund_by_check ON payment_refund (check_at) WHERE check_at IS NOT NULL;

CREATE TABLE payment_dispute (
    account_id  uuid NOT NULL REFERENCES account,
    dispute_ref text NOT NULL CHECK (length(dispute_ref) BETWEEN 1 AND 255),
    payment_id  uuid NOT NULL,
    amount_nusd bigint NOT NULL CHECK (amount_nusd > 0),
    state       text NOT NULL CHECK (state IN ('open', 'won', 'lost')),
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, dispute_ref),
    FOREIGN KEY (account_id, payment_id) REFERENCES payment
);
CREATE INDEX payment_dispute_by_payment ON payment_dispute (account_id, payment_id);

-- Events that came, by the service's id: each counts once. Kept for payment_clean()'s days.
CREATE TABLE payment_event (
    event_ref   text PRIMARY KEY CHECK (length(event_ref) BETWEEN 1 AND 255),
    what        text NOT NULL,
    outcome     text,
    received_at timestamptz NOT NULL
);
CREATE INDEX payment_event_by_age ON payment_event (received_at);

-- A refund or a dispute of a payment that is not known here yet: its fact waits for that. Kept as long as events.
CREATE TABLE payment_waiting (
    parent_ref  text NOT NULL,
    object_ref  text NOT NULL,
    what        text NOT NULL,
    state       text NOT NULL,
    fact        jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (parent_ref, object_ref, what, state)
);
CREATE INDEX payment_waiting_by_age ON payment_waiting (received_at);

-- Automatic top-ups of an account: when what it has is less than the threshold, its card is charged.
CREATE TABLE auto_topup (
    account_id     uuid PRIMARY KEY REFERENCES account,
    threshold_nusd bigint NOT NULL CHECK (threshold_nusd > 0),
    amount_nusd    bigint NOT NULL CHECK (amount_nusd > 0),
    ceiling_nusd   bigint NOT NULL, -- of all charges of a month (UTC)
    method_ref     text, -- NULL: the card that was stored last
    state          text NOT NULL CHECK (state IN ('on', 'off')),
    reason         text CHECK (length(reason) <= 64), -- why it is off, or what failed last
    failures       integer NOT NULL DEFAULT 0, -- in a row
    next_at        timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT auto_topup_ceiling CHECK (ceiling_nusd >= amount_nusd)
);
CREATE INDEX auto_topup_by_time ON auto_topup (next_at) WHERE state = 'on';

-- --- taking back and giving again

-- Of what was paid, this share is credits: all of it but the tax.
CREATE FUNCTION payment_credits_of(p payment, p_paid bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p.total_nusd > 0
                THEN least(p.booked_nusd, round(p_paid::numeric * p.booked_nusd / p.total_nusd)::bigint)
                ELSE 0 END
$$;

-- What of the payment has gone back or is disputed, tax included. Refunds that the service names one by one and the
-- sum that it names on the charge are the same money: the larger counts.
CREATE FUNCTION payment_gone(p payment) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT least(p.total_nusd::numeric, greatest(r.good, p.charged_back_nusd - r.failed) + d.sum)::bigint
    FROM (SELECT coalesce(sum(amount_nusd) FILTER (WHERE state <> 'failed'), 0) AS good,
                 coalesce(sum(amount_nusd) FILTER (WHERE state = 'failed' AND refund_ref IS NOT NULL), 0) AS failed
          FROM payment_refund WHERE account_id = p.account_id AND payment_id = p.payment_id) r,
         (SELECT coalesce(sum(amount_nusd) FILTER (WHERE state <> 'won'), 0) AS sum
          FROM payment_dispute WHERE account_id = p.account_id AND payment_id = p.payment_id) d
$$;

-- Make the credits follow what payment_gone() says. The caller holds account and payment. Credits that went back must
-- not be bought again at once with the same card: automatic top-ups go off until the customer puts them on again.
CREATE FUNCTION payment_level(p_account uuid, p_payment uuid, p_kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p payment;
    change bigint;
BEGIN
    SELECT * INTO p FROM payment WHERE account_id = p_account AND payment_id = p_payment;
    IF p.state <> 'paid' THEN
        RETURN;
    END IF;
    change := payment_credits_of(p, payment_gone(p)) - p.back_nusd;
    IF change > 0 THEN
        PERFORM ledger_take_back(p_account, change, 'payment-back:' || p_payment || ':' || p.moves, p_kind);
    ELSIF change < 0 THEN
        PERFORM ledger_topup(p_account, -change, 'payment-again:' || p_payment || ':' || p.moves);
    END IF;
    UPDATE payment SET back_nusd = back_nusd + change, moves = moves + 1, updated_at = ledger_now()
    WHERE account_id = p_account AND payment_id = p_payment AND change <> 0;
    UPDATE auto_topup SET state = 'off', reason = 'payment_' || p_kind, updated_at = ledger_now()
    WHERE account_id = p_account AND state = 'on' AND change > 0;
END $$;

-- --- facts
-- Members of a fact, all text but the numbers: event (its id; absent: an answer to a request), what (checkout, setup,
-- charge, invoice, charged_back, refund, dispute, method), state, object, customer, parent (the charge's intent),
-- method, account, payment, refund (ids of ours from the object's metadata), total, tax (nano-USD), usd (false:
-- another currency), code, url, pdf, brand, last4, exp_month, exp_year.

-- Which fact decides about a payment of this kind; others only say where to look.
CREATE FUNCTION payment_decider(kind text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE kind WHEN 'auto' THEN 'charge' ELSE kind END
$$;

CREATE FUNCTION payment_whose(f jsonb, OUT o_account uuid, OUT o_payment uuid) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF f ->> 'what' = 'method' THEN
        SELECT account_id INTO o_account FROM payment_object WHERE ref = f ->> 'customer' AND payment_id IS NULL;
        RETURN;
    END IF;
    SELECT account_id, payment_id INTO o_account, o_payment FROM payment_object
    WHERE ref IN (f ->> 'object', f ->> 'parent') AND payment_id IS NOT NULL LIMIT 1;
    IF NOT FOUND THEN
        SELECT account_id, payment_id INTO o_account, o_payment FROM payment
        WHERE account_id = (f ->> 'account')::uuid AND payment_id = (f ->> 'payment')::uuid;
    END IF;
END $$;

-- The object belongs to this payment, and what waited for it is applied. The caller holds it (payment_objects_take).
CREATE FUNCTION payment_link(p_account uuid, p_payment uuid, p_ref text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w payment_waiting;
BEGIN
    IF p_ref IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO payment_object VALUES (p_ref, p_account, p_payment) ON CONFLICT (ref) DO NOTHING;
    FOR w IN DELETE FROM payment_waiting WHERE parent_ref = p_ref RETURNING * LOOP
        PERFORM payment_fact(w.fact - 'event');
    END LOOP;
END $$;

CREATE FUNCTION payment_method_fact(p_account uuid, f jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_method (account_id, method_ref, state, brand, last4, exp_month, exp_year, since)
    VALUES (p_account, f ->> 'object', f ->> 'state', f ->> 'brand', f ->> 'last4',
            (f ->> 'exp_month')::integer, (f ->> 'exp_year')::integer, ledger_now())
    ON CONFLICT (account_id, method_ref) DO UPDATE SET state = excluded.state,
        brand = coalesce(excluded.brand, payment_method.brand),
        last4 = coalesce(excluded.last4, payment_method.last4),
        exp_month = coalesce(excluded.exp_month, payment_method.exp_month),
        exp_year = coalesce(excluded.exp_year, payment_method.exp_year)
    WHERE payment_method.state <> 'detached';
    RETURN CASE WHEN FOUND THEN 'applied' ELSE 'late' END;
END $$;

CREATE FUNCTION payment_refund_fact(p_account uuid, p_payment uuid, f jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ranks constant text[] := ARRAY['claimed', 'pending', 'succeeded', 'failed'];
    id text;
BEGIN
    SELECT refund_id INTO id FROM payment_refund
    WHERE account_id = p_account AND payment_id = p_payment
      AND (refund_id = f ->> 'refund' OR refund_ref = f ->> 'object');
    INSERT INTO payment_refund (account_id, refund_id, payment_id, refund_ref, amount_nusd, state, code, created_at)
    VALUES (p_account, coalesce(id, f ->> 'object'), p_payment, f ->> 'object', (f ->> 'total')::bigint,
            f ->> 'state', f ->> 'code', ledger_now())
    ON CONFLICT (account_id, refund_id) DO UPDATE SET state = excluded.state, refund_ref = excluded.refund_ref,
        code = excluded.code, check_at = CASE WHEN excluded.state = 'pending' THEN payment_refund.check_at END
    WHERE array_position(ranks, excluded.state) > array_position(ranks, payment_refund.state);
    IF NOT FOUND THEN
        RETURN 'late';
    END IF;
    PERFORM payment_level(p_account, p_payment, 'refund');
    RETURN 'applied';
END $$;

CREATE FUNCTION payment_dispute_fact(p_account uuid, p_payment uuid, f jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment_dispute (account_id, dispute_ref, payment_id, amount_nusd, state, created_at)
    VALUES (p_account, f ->> 'object', p_payment, (f ->> 'total')::bigint, f ->> 'state', ledger_now())
    ON CONFLICT (account_id, dispute_ref) DO UPDATE SET state = excluded.state
    WHERE payment_dispute.state = 'open' AND excluded.state <> 'open';
    IF NOT FOUND THEN
        RETURN 'late';
    END IF;
    PERFORM payment_level(p_account, p_payment, 'dispute');
    RETURN 'applied';
END $$;

-- The sum that the charge names as refunded: refunds made at the service itself, by whoever operates it.
CREATE FUNCTION payment_charged_back(p_account uuid, p_payment uuid, f jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payment SET charged_back_nusd = (f ->> 'total')::bigint
    WHERE account_id = p_account AND payment_id = p_payment AND charged_back_nusd < (f ->> 'total')::bigint;
    IF NOT FOUND THEN
        RETURN 'late';
    END IF;
    PERFORM payment_level(p_account, p_payment, 'refund');
    RETURN 'applied';
END $$;

-- An automatic top-up has come to its end: a failure waits 15 minutes, then an hour, and the third in a row
-- switches top-ups off, with its reason. Ones that are off keep the reason why.
CREATE FUNCTION payment_auto_moved(p payment) RETURNS void LANGUAGE sql AS $$
    UPDATE auto_topup SET
        failures = CASE p.state WHEN 'paid' THEN 0 ELSE failures + 1 END,
        reason = CASE WHEN state = 'off' THEN reason WHEN p.state <> 'paid' THEN coalesce(p.code, 'unknown') END,
        state = CASE WHEN p.state <> 'paid' AND failures + 1 >= 3 THEN 'off' ELSE state END,
        next_at = CASE p.state WHEN 'paid' THEN ledger_now()
                  ELSE ledger_now() + power(4, least(failures, 5)) * interval '15 minutes' END
    WHERE account_id = p.account_id AND p.kind = 'auto' AND p.state IN ('paid', 'failed', 'expired')
$$;

-- The fact that decides. The caller holds the account; p is the payment as it was.
CREATE FUNCTION payment_move(p payment, f jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    credits bigint := (f ->> 'total')::bigint - coalesce((f ->> 'tax')::bigint, 0);
    books boolean := f ->> 'state' = 'paid';
    said text;
BEGIN
    IF books AND ((f ->> 'usd')::boolean IS NOT TRUE OR coalesce(credits, 0) <= 0) THEN
        UPDATE payment SET code = 'currency', check_at = NULL, updated_at = ledger_now()
        WHERE account_id = p.account_id AND payment_id = p.payment_id;
        RETURN 'currency'; -- nobody here made such an object: an operator looks
    END IF;
    UPDATE payment x SET
        checkout_ref = CASE WHEN f ->> 'what' IN ('checkout', 'setup') THEN f ->> 'object' ELSE x.checkout_ref END,
        intent_ref = coalesce(CASE WHEN f ->> 'what' = 'charge' THEN f ->> 'object' ELSE f ->> 'parent' END,
                              x.intent_ref),
        invoice_ref = CASE WHEN f ->> 'what' = 'invoice' THEN f ->> 'object' ELSE x.invoice_ref END,
        url = coalesce(f ->> 'url', x.url), pdf = coalesce(f ->> 'pdf', x.pdf)
    WHERE account_id = p.account_id AND payment_id = p.payment_id;
    IF payment_rank(f ->> 'state') <= payment_rank(p.state) THEN
        RETURN 'late';
    END IF;
    UPDATE payment x SET state = f ->> 'state', code = f ->> 'code', updated_at = ledger_now(),
        total_nusd = CASE WHEN books THEN (f ->> 'total')::bigint END,
        tax_nusd = CASE WHEN books THEN coalesce((f ->> 'tax')::bigint, 0) END,
        booked_nusd = CASE WHEN books THEN credits END,
        paid_at = CASE WHEN books THEN ledger_now() END,
        check_at = CASE WHEN payment_rank(f ->> 'state') < 4 THEN coalesce(x.check_at, ledger_now()) END
    WHERE account_id = p.account_id AND payment_id = p.payment_id RETURNING * INTO p;
    IF books THEN
        SELECT t.outcome INTO said FROM ledger_topup(p.account_id, credits, 'payment:' || p.payment_id) t;
        IF said NOT IN ('ok', 'repeated') THEN
            RAISE EXCEPTION 'the credits of payment % are not booked: %', p.payment_id, said;
        END IF;
        PERFORM payment_level(p.account_id, p.payment_id, 'refund');
    END IF;
    PERFORM payment_auto_moved(p);
    RETURN 'applied';
END $$;

CREATE FUNCTION payment_state_fact(p_account uuid, p_payment uuid, f jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p payment;
    said text;
BEGIN
    SELECT * INTO p FROM payment WHERE account_id = p_account AND payment_id = p_payment;
    IF f ->> 'what' = payment_decider(p.kind) THEN
        said := payment_move(p, f);
    ELSE
        -- The charge of a checkout or of an invoice, the invoice of a checkout: what decides is asked about soon.
        UPDATE payment x SET
            intent_ref = CASE WHEN f ->> 'what' = 'charge' THEN f ->> 'object' ELSE x.intent_ref END,
            invoice_ref = CASE WHEN f ->> 'what' = 'invoice' THEN f ->> 'object' ELSE x.invoice_ref END,
            url = coalesce(f ->> 'url', x.url), pdf = coalesce(f ->> 'pdf', x.pdf),
            check_at = least(x.check_at, ledger_now() + interval '20 seconds')
        WHERE account_id = p_account AND payment_id = p_payment;
        said := 'noted';
    END IF;
    PERFORM payment_link(p_account, p_payment, f ->> 'object');
    PERFORM payment_link(p_account, p_payment, f ->> 'parent');
    RETURN said;
END $$;

-- While one transaction links an object to its payment, another that tells of the object's refund must neither miss the
-- link nor leave a fact that waits for ever: both hold the object, until their ends. The objects come first and in
-- order, then the account. What waited names the object as its parent, which is held already.
CREATE FUNCTION payment_objects_take(f jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    object text;
BEGIN
    FOR object IN SELECT DISTINCT r FROM unnest(ARRAY[f ->> 'parent',
            CASE WHEN f ->> 'what' NOT IN ('refund', 'dispute', 'charged_back', 'method') THEN f ->> 'object' END]) r
            WHERE r IS NOT NULL ORDER BY r LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended(object, 39));
    END LOOP;
END $$;

-- outcome: applied; noted (it decides nothing); late (another state counts already); repeated (the event was here);
-- waiting (its payment is not known yet); unknown (not an object of ours); currency.
CREATE FUNCTION payment_fact(f jsonb, OUT outcome text, OUT o_account uuid, OUT o_payment uuid)
LANGUAGE plpgsql AS $$
BEGIN
    IF f ->> 'event' IS NOT NULL THEN
        INSERT INTO payment_event (event_ref, what, received_at)
        VALUES (f ->> 'event', f ->> 'what', ledger_now()) ON CONFLICT (event_ref) DO NOTHING;
        IF NOT FOUND THEN
            outcome := 'repeated';
            RETURN;
        END IF;
    END IF;
    PERFORM payment_objects_take(f);
    SELECT w.o_account, w.o_payment INTO o_account, o_payment FROM payment_whose(f) w;
    IF o_account IS NOT NULL THEN
        PERFORM 1 FROM account WHERE account_id = o_account FOR NO KEY UPDATE;
        outcome := CASE f ->> 'what'
            WHEN 'method' THEN payment_method_fact(o_account, f)
            WHEN 'refund' THEN payment_refund_fact(o_account, o_payment, f)
            WHEN 'dispute' THEN payment_dispute_fact(o_account, o_payment, f)
            WHEN 'charged_back' THEN payment_charged_back(o_account, o_payment, f)
            ELSE payment_state_fact(o_account, o_payment, f) END;
    ELSIF f ->> 'what' IN ('refund', 'dispute', 'charged_back') AND f ->> 'parent' IS NOT NULL THEN
        INSERT INTO payment_waiting
        VALUES (f ->> 'parent', f ->> 'object', f ->> 'what', coalesce(f ->> 'state', ''), f, ledger_now())
        ON CONFLICT (parent_ref, object_ref, what, state) DO UPDATE SET fact = excluded.fact
            WHERE (payment_waiting.fact ->> 'total')::bigint < (excluded.fact ->> 'total')::bigint;
        outcome := 'waiting';
    ELSE
        outcome := 'unknown';
    END IF;
    UPDATE payment_event SET outcome = payment_fact.outcome WHERE event_ref = f ->> 'event';
END $$;

-- --- what the customer starts

-- The row of a checkout (p_amount > 0) or of a card to be stored. outcome: ok; limit: too many that are not over.
CREATE FUNCTION payment_begin(p_account uuid, p_payment uuid, p_kind text, p_amount bigint,
                              OUT outcome text, OUT o_customer text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM payment WHERE account_id = p_account AND kind IN ('checkout', 'setup')
        AND state IN ('claimed', 'open') AND created_at > ledger_now() - interval '1 day') >= 100 THEN
        outcome := 'limit';
        RETURN;
    END IF;
    SELECT customer_ref INTO o_customer FROM payment_customer WHERE account_id = p_account;
    INSERT INTO payment (account_id, payment_id, kind, amount_nusd, customer_ref, created_at, updated_at, check_at)
    VALUES (p_account, p_payment, p_kind, p_amount, o_customer, ledger_now(), ledger_now(),
            ledger_now() + interval '2 minutes');
    outcome := 'ok';
END $$;

-- The first one that is told stays.
CREATE FUNCTION payment_customer_set(p_account uuid, p_payment uuid, p_ref text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    INSERT INTO payment_customer (account_id, customer_ref) VALUES (p_account, p_ref)
    ON CONFLICT (account_id) DO NOTHING;
    SELECT customer_ref INTO kept FROM payment_customer WHERE account_id = p_account;
    INSERT INTO payment_object VALUES (kept, p_account, NULL) ON CONFLICT (ref) DO NOTHING;
    UPDATE payment SET customer_ref = kept WHERE account_id = p_account AND payment_id = p_payment;
    RETURN kept;
END $$;

-- --- what is to be asked about

-- At most p_max payments whose time has come, each for this caller alone for a minute, longer with every time. Any
-- number of control planes may ask. Charges and invoices that nobody has asked for yet come before polls of what
-- is under way. o_age_ms: since the row was written.
CREATE FUNCTION payment_due(p_max bigint)
RETURNS TABLE (o_account uuid, o_payment uuid, o_kind text, o_state text, o_amount bigint, o_customer text,
               o_method text, o_checkout text, o_intent text, o_invoice text, o_age_ms bigint)
LANGUAGE sql AS $$
    UPDATE payment p SET checks = p.checks + 1,
        check_at = ledger_now() + least(60 * power(2, least(p.checks, 6)), 3600) * interval '1 second'
    FROM (SELECT account_id, payment_id FROM payment WHERE check_at <= ledger_now()
          ORDER BY state <> 'claimed' OR kind NOT IN ('auto', 'invoice'), check_at LIMIT p_max FOR UPDATE SKIP LOCKED) d
    WHERE p.account_id = d.account_id AND p.payment_id = d.payment_id
    RETURNING p.account_id, p.payment_id, p.kind, p.state, p.amount_nusd, p.customer_ref, p.method_ref,
              p.checkout_ref, p.intent_ref, p.invoice_ref,
              (extract(epoch FROM ledger_now() - p.created_at) * 1000)::bigint
$$;

-- The service has no object of this payment, and no request for one is under way.
CREATE FUNCTION payment_none(p_account uuid, p_payment uuid, p_code text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    p payment;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    UPDATE payment SET state = CASE WHEN kind IN ('checkout', 'setup') THEN 'expired' ELSE 'failed' END,
        code = p_code, check_at = NULL, updated_at = ledger_now()
    WHERE account_id = p_account AND payment_id = p_payment AND state = 'claimed' RETURNING * INTO p;
    IF FOUND THEN
        PERFORM payment_auto_moved(p);
    END IF;
    RETURN p.payment_id IS NOT NULL;
END $$;

-- --- refunds by an operator

-- p_amount: of what was paid, tax included; NULL: what is left. The credits go back before the service is asked, so
-- that they cannot be spent meanwhile. outcome: ok; unknown; unpaid; amount (more than is left); spent (the credits
-- are not there any more, and p_force is false).
CREATE FUNCTION payment_refund_begin(p_account uuid, p_payment uuid, p_refund uuid, p_amount bigint,
                                     p_reason text, p_force boolean, OUT outcome text, OUT o_amount bigint,
                                     OUT o_intent text)
LANGUAGE plpgsql AS $$
DECLARE
    p payment;
    room bigint;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    SELECT * INTO p FROM payment WHERE account_id = p_account AND payment_id = p_payment FOR UPDATE;
    room := coalesce(p.total_nusd, 0) - coalesce(payment_gone(p), 0);
    o_amount := coalesce(p_amount, room);
    o_intent := p.intent_ref;
    outcome := CASE WHEN p.payment_id IS NULL THEN 'unknown'
                    WHEN p.state <> 'paid' OR p.intent_ref IS NULL THEN 'unpaid'
                    WHEN o_amount <= 0 OR o_amount > room THEN 'amount'
                    WHEN NOT p_force AND ledger_free(p_account) < payment_credits_of(p, o_amount) THEN 'spent'
                    ELSE 'ok' END;
    IF outcome = 'ok' THEN
        INSERT INTO payment_refund (account_id, refund_id, payment_id, amount_nusd, state, reason, created_at, check_at)
        VALUES (p_account, replace(p_refund::text, '-', ''), p_payment, o_amount, 'claimed', p_reason, ledger_now(),
                ledger_now() + interval '1 minute');
        PERFORM payment_level(p_account, p_payment, 'refund');
    END IF;
END $$;

CREATE FUNCTION payment_refund_due(p_max bigint)
RETURNS TABLE (o_account uuid, o_refund text, o_payment uuid, o_amount bigint, o_intent text, o_age_ms bigint,
               o_claimed boolean)
LANGUAGE sql AS $$
    UPDATE payment_refund r SET checks = r.checks + 1,
        check_at = ledger_now() + least(60 * power(2, least(r.checks, 6)), 3600) * interval '1 second'
    FROM (SELECT account_id, refund_id FROM payment_refund WHERE check_at <= ledger_now()
          ORDER BY check_at LIMIT p_max FOR UPDATE SKIP LOCKED) d, payment p
    WHERE r.account_id = d.account_id AND r.refund_id = d.refund_id
      AND p.account_id = r.account_id AND p.payment_id = r.payment_id
    RETURNING r.account_id, r.refund_id, r.payment_id, r.amount_nusd, p.intent_ref,
              (extract(epoch FROM ledger_now() - r.created_at) * 1000)::bigint, r.state = 'claimed'
$$;

-- The service refuses the refund, or has none: the credits come again.
CREATE FUNCTION payment_refund_none(p_account uuid, p_refund text, p_code text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    of uuid;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    UPDATE payment_refund SET state = 'failed', code = p_code, check_at = NULL
    WHERE account_id = p_account AND refund_id = p_refund AND state = 'claimed' RETURNING payment_id INTO of;
    IF FOUND THEN
        PERFORM payment_level(p_account, of, 'refund');
    END IF;
    RETURN of IS NOT NULL;
END $$;

-- --- what the REST API shows

CREATE FUNCTION payment_json(p payment) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', p.payment_id, 'object', 'payment', 'workspace_id', p.account_id, 'type', p.kind,
        'status', p.state, 'amount', usd(p.amount_nusd), 'currency', 'usd', 'total', usd(p.total_nusd),
        'tax', usd(p.tax_nusd), 'credits', usd(p.booked_nusd), 'credits_taken_back', usd(p.back_nusd),
        'failure_code', p.code, 'url', p.url, 'invoice_pdf', p.pdf,
        'period', to_char(p.period, 'YYYY-MM'), 'checkout_session', p.checkout_ref, 'payment_intent', p.intent_ref,
        'invoice', p.invoice_ref, 'created_at', utc_text(p.created_at), 'paid_at', utc_text(p.paid_at),
        'refunds', (SELECT coalesce(json_agg(json_build_object('id', r.refund_id, 'object', 'refund',
                'amount', usd(r.amount_nusd), 'status', r.state, 'failure_code', r.code, 'reason', r.reason,
                'created_at', utc_text(r.created_at)) ORDER BY r.created_at, r.refund_id), '[]')
            FROM payment_refund r WHERE r.account_id = p.account_id AND r.payment_id = p.payment_id),
        'disputes', (SELECT coalesce(json_agg(json_build_object('id', d.dispute_ref, 'object', 'dispute',
                'amount', usd(d.amount_nusd), 'status', d.state, 'created_at', utc_text(d.created_at))
                ORDER BY d.created_at, d.dispute_ref), '[]')
            FROM payment_dispute d WHERE d.account_id = p.account_id AND d.payment_id = p.payment_id))
$$;

-- At most p_max things that nobody needs any more: events and what waited in vain, older than p_days.
CREATE FUNCTION payment_clean(p_days bigint, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before timestamptz := ledger_now() - p_days * interval '1 day';
    events bigint;
    waited bigint;
BEGIN
    DELETE FROM payment_event WHERE event_ref IN (SELECT event_ref FROM payment_event
        WHERE received_at < before ORDER BY received_at LIMIT p_max FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS events = ROW_COUNT;
    DELETE FROM payment_waiting WHERE (parent_ref, object_ref, what, state) IN (
        SELECT parent_ref, object_ref, what, state FROM payment_waiting
        WHERE received_at < before ORDER BY received_at LIMIT p_max FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS waited = ROW_COUNT;
    RETURN events + waited;
END $$;
