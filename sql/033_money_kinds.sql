-- Every way in which money moves beside leases and usage: refunds, disputes, promotions that expire, adjustments,
-- reversals of top-ups, transfers between workspaces of one organisation, debts.
--
-- What a customer has is its available and leased balance. Where money comes from and goes to has a ledger account of
-- its own, so each sum can be read: deposits (paid money that came in, less what went back), promotions, adjustments,
-- moved (to other workspaces; its sum over all accounts is zero), owed (negative: what the customer owes).
--
-- Promotions are spent before paid money, the one that expires first before the others. Which money was spent is not
-- kept per request: what an account was billed is a counter (revenue less write-offs), and promotion_settle()
-- divides what was billed since it last looked. It looks before a promotion begins or ends and before anything is
-- taken out, so between two looks the same promotions were there, and the division is exact. What is left
-- of a promotion is never refunded, moved or taken for a debt: it goes back to the operator when it expires.
-- What data planes hold of it then, they may spend; what they give back is taken before anything is lent again.

ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_kind_check;
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_kind_check
    CHECK (kind IN ('deposits', 'revenue', 'writeoff', 'available', 'leased', 'promotions', 'adjustments', 'moved',
                    'owed')),
    ADD CONSTRAINT ledger_owed_is_debt CHECK (kind <> 'owed' OR balance_nusd <= 0);
INSERT INTO ledger_account (owner, kind)
SELECT a.account_id, k.kind FROM account a
CROSS JOIN (VALUES ('promotions'), ('adjustments'), ('moved'), ('owed')) AS k (kind);

CREATE OR REPLACE FUNCTION account_open_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_account (owner, kind)
    SELECT NEW.account_id, k.kind
    FROM (VALUES ('available'), ('leased'), ('deposits'), ('revenue'), ('writeoff'), ('promotions'),
                 ('adjustments'), ('moved'), ('owed')) AS k (kind);
    INSERT INTO ledger_state (account_id) VALUES (NEW.account_id);
    RETURN NULL;
END $$;

ALTER TABLE transfer DROP CONSTRAINT transfer_kind_check;
ALTER TABLE transfer ADD CONSTRAINT transfer_kind_check
    CHECK (kind IN ('topup', 'lease', 'return', 'reclaim', 'usage', 'refund', 'dispute', 'promotion', 'expiry',
                    'adjustment', 'reversal', 'move', 'debt', 'fold'));
ALTER TABLE transfer
    ADD reason     text CHECK (length(reason) BETWEEN 1 AND 500),
    ADD about      uuid,   -- the promotion; of a move the id that both of its transfers have
    ADD reverses   bigint, -- the top-up that a reversal takes back
    ADD asked_nusd bigint; -- what was asked for, when less may have been moved
ALTER TABLE transfer ADD CONSTRAINT transfer_says_why
    CHECK (kind NOT IN ('adjustment', 'promotion', 'reversal') OR reason IS NOT NULL);
-- What changes a customer's balance: statements and lists of movements read this.
CREATE INDEX transfer_movements ON transfer (account_id, transfer_id)
    WHERE kind NOT IN ('lease', 'return', 'reclaim');
CREATE INDEX transfer_movements_by_time ON transfer (account_id, at)
    WHERE kind NOT IN ('lease', 'return', 'reclaim');
CREATE INDEX transfer_reversals ON transfer (account_id, reverses) WHERE reverses IS NOT NULL;
CREATE INDEX transfer_moves ON transfer (about) WHERE kind = 'move';

-- billed_nusd: up to where promotions are settled. due_at: when something is to be taken from the account (a
-- promotion ends, a debt is open); tried_at: when that was last tried.
CREATE TABLE ledger_state (
    account_id  uuid PRIMARY KEY REFERENCES account,
    billed_nusd bigint NOT NULL DEFAULT 0,
    due_at      timestamptz,
    tried_at    timestamptz
);
INSERT INTO ledger_state (account_id) SELECT account_id FROM account;
CREATE INDEX ledger_state_due ON ledger_state (tried_at NULLS FIRST) WHERE due_at IS NOT NULL;

CREATE TABLE promotion (
    account_id    uuid NOT NULL REFERENCES account,
    promotion_id  uuid NOT NULL,
    amount_nusd   bigint NOT NULL CHECK (amount_nusd > 0),
    spent_nusd    bigint NOT NULL DEFAULT 0 CHECK (spent_nusd >= 0),
    returned_nusd bigint NOT NULL DEFAULT 0 CHECK (returned_nusd >= 0), -- to the operator
    expires_at    timestamptz NOT NULL,
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    created_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    PRIMARY KEY (account_id, promotion_id),
    CONSTRAINT promotion_not_overdrawn CHECK (spent_nusd + returned_nusd <= amount_nusd),
    CONSTRAINT promotion_ended_is_empty
        CHECK ((ended_at IS NOT NULL) = (spent_nusd + returned_nusd = amount_nusd))
);
CREATE INDEX promotion_open ON promotion (account_id, expires_at) WHERE ended_at IS NULL;

-- --- parts

CREATE FUNCTION ledger_balance(p_account uuid, p_kind text) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT balance_nusd FROM ledger_account WHERE owner = p_account AND kind = p_kind';

-- One transfer that moves p_amounts[i] into the account's p_kinds[i]; amounts of zero are left out.
CREATE FUNCTION ledger_post(p_kind text, p_account uuid, p_kinds text[], p_amounts bigint[], p_idempotency text,
                            p_reason text DEFAULT NULL, p_about uuid DEFAULT NULL,
                            p_reverses bigint DEFAULT NULL, p_asked bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    INSERT INTO transfer (kind, account_id, idempotency, at, reason, about, reverses, asked_nusd)
    VALUES (p_kind, p_account, p_idempotency, ledger_now(), p_reason, p_about, p_reverses, p_asked)
    RETURNING transfer_id INTO id;
    INSERT INTO posting (account_id, transfer_id, ledger_account_id, amount_nusd)
    SELECT p_account, id, a.ledger_account_id, m.amount
    FROM unnest(p_kinds, p_amounts) AS m (kind, amount)
    JOIN ledger_account a ON a.owner = p_account AND a.kind = m.kind
    WHERE m.amount <> 0;
    RETURN id;
END $$;

-- The transfer that was made of this kind under this idempotency key, and what was asked for then.
CREATE FUNCTION ledger_once(p_account uuid, p_kind text, p_idempotency text, OUT o_transfer bigint,
                            OUT o_asked bigint, OUT o_reason text, OUT o_about uuid, OUT o_reverses bigint)
LANGUAGE sql STABLE AS $$
    SELECT t.transfer_id, coalesce(t.asked_nusd, (SELECT sum(p.amount_nusd) FROM posting p
               WHERE p.account_id = t.account_id AND p.transfer_id = t.transfer_id AND p.amount_nusd > 0)::bigint),
           t.reason, t.about, t.reverses
    FROM transfer t WHERE t.account_id = p_account AND t.kind = p_kind AND t.idempotency = p_idempotency
$$;

-- How a transfer changed one of the account's balances.
CREATE FUNCTION ledger_part(p_account uuid, p_transfer bigint, p_kind text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(p.amount_nusd), 0)::bigint FROM posting p JOIN ledger_account a
        ON a.owner = p.account_id AND a.ledger_account_id = p.ledger_account_id
    WHERE p.account_id = p_account AND p.transfer_id = p_transfer AND a.kind = p_kind
$$;

-- A transfer that books a payment (039), or what of it went back and came again.
CREATE FUNCTION ledger_is_payment(p_idempotency text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    $$ SELECT coalesce(p_idempotency ~ '^payment(-again|-back)?:', false) $$;

-- Divide what was billed since the last time among the promotions that are there. The caller holds the account.
CREATE FUNCTION promotion_settle(p_account uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    billed bigint := ledger_balance(p_account, 'revenue') + ledger_balance(p_account, 'writeoff');
    fresh bigint;
BEGIN
    SELECT billed - billed_nusd INTO fresh FROM ledger_state WHERE account_id = p_account;
    IF fresh = 0 THEN
        RETURN;
    END IF;
    UPDATE promotion x SET spent_nusd = x.spent_nusd + s.part,
        ended_at = CASE WHEN x.spent_nusd + s.part + x.returned_nusd = x.amount_nusd THEN ledger_now() END
    FROM (SELECT o.promotion_id, greatest(0, least(o.rest, fresh - o.before))::bigint AS part
          FROM (SELECT p.promotion_id, p.amount_nusd - p.spent_nusd - p.returned_nusd AS rest,
                       coalesce(sum(p.amount_nusd - p.spent_nusd - p.returned_nusd)
                                OVER (ORDER BY p.expires_at, p.promotion_id
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
                FROM promotion p WHERE p.account_id = p_account AND p.ended_at IS NULL) o) s
    WHERE x.account_id = p_account AND x.promotion_id = s.promotion_id AND s.part > 0;
    UPDATE ledger_state SET billed_nusd = billed WHERE account_id = p_account;
END $$;

-- What may be taken out now: it is not lent, and not of a promotion. The caller holds the account and has settled.
CREATE FUNCTION ledger_free(p_account uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT greatest(0, least(b.available, b.available + b.leased - p.rest))::bigint
    FROM (SELECT ledger_balance(p_account, 'available') AS available,
                 ledger_balance(p_account, 'leased') AS leased) b,
         (SELECT coalesce(sum(amount_nusd - spent_nusd - returned_nusd), 0) AS rest FROM promotion
          WHERE account_id = p_account AND ended_at IS NULL) p
$$;

CREATE FUNCTION ledger_organisation_owes(p_account uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM account a JOIN account o USING (organisation_id)
                   JOIN ledger_account l ON l.owner = o.account_id AND l.kind = 'owed'
                   WHERE a.account_id = p_account AND l.balance_nusd < 0)
$$;

-- One workspace's paid money pays another's debt, as far as it goes. The caller holds both.
CREATE FUNCTION ledger_pay_for(p_from uuid, p_to uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    amount bigint := least(-ledger_balance(p_to, 'owed'), ledger_free(p_from));
    id uuid := gen_random_uuid();
BEGIN
    IF amount > 0 THEN
        PERFORM ledger_post('move', p_from, '{available,moved}', ARRAY[-amount, amount], NULL,
                            'debt of another workspace', id, NULL, amount);
        PERFORM ledger_post('move', p_to, '{moved,available}', ARRAY[-amount, amount], NULL,
                            'debt of this workspace', id, NULL, amount);
        PERFORM ledger_post('debt', p_to, '{available,owed}', ARRAY[-amount, amount], NULL);
    END IF;
    RETURN amount;
END $$;

-- An organisation's workspaces stand for each other's debts: otherwise what was bought in one would be moved to
-- another before the payment is disputed. This account pays for the others and they for it; while a debt is left, the
-- others are due, so that they pay before they are lent to. Ones that somebody else is working on are left for the
-- next time: whoever holds an account never waits for another. The caller holds the account and has settled it.
CREATE FUNCTION ledger_share_debts(p_account uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    other uuid;
    moved bigint := 0;
BEGIN
    FOR other IN SELECT o.account_id FROM account a
                 JOIN account o ON o.organisation_id = a.organisation_id AND o.account_id <> a.account_id
                 WHERE a.account_id = p_account
                   AND EXISTS (SELECT 1 FROM ledger_account l WHERE l.owner = o.account_id AND l.balance_nusd <> 0
                               AND l.kind IN ('available', 'leased', 'owed'))
                 ORDER BY o.account_id FOR NO KEY UPDATE OF o SKIP LOCKED LOOP
        PERFORM promotion_settle(other);
        moved := moved + ledger_pay_for(other, p_account);
        moved := moved + ledger_pay_for(p_account, other);
        UPDATE ledger_state SET due_at = ledger_now()
        WHERE account_id = other AND (due_at IS NULL OR due_at > ledger_now()) AND ledger_organisation_owes(other);
    END LOOP;
    RETURN moved;
END $$;

-- Take what is due: what is left of promotions that have expired, then debts, the organisation's last. The caller
-- holds the account.
CREATE FUNCTION ledger_take_due(p_account uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    x promotion;
    amount bigint;
    taken bigint := 0;
BEGIN
    PERFORM promotion_settle(p_account);
    FOR x IN SELECT * FROM promotion WHERE account_id = p_account AND ended_at IS NULL
             AND expires_at <= ledger_now() ORDER BY expires_at, promotion_id LOOP
        amount := least(x.amount_nusd - x.spent_nusd - x.returned_nusd, ledger_balance(p_account, 'available'));
        CONTINUE WHEN amount <= 0;
        PERFORM ledger_post('expiry', p_account, '{available,promotions}', ARRAY[-amount, amount], NULL,
                            x.reason, x.promotion_id);
        UPDATE promotion p SET returned_nusd = p.returned_nusd + amount,
            ended_at = CASE WHEN p.spent_nusd + p.returned_nusd + amount = p.amount_nusd THEN ledger_now() END
        WHERE p.account_id = p_account AND p.promotion_id = x.promotion_id;
        taken := taken + amount;
    END LOOP;
    amount := least(-ledger_balance(p_account, 'owed'), ledger_free(p_account));
    IF amount > 0 THEN
        PERFORM ledger_post('debt', p_account, '{available,owed}', ARRAY[-amount, amount], NULL);
        taken := taken + amount;
    END IF;
    IF ledger_organisation_owes(p_account) THEN
        taken := taken + ledger_share_debts(p_account);
    END IF;
    UPDATE ledger_state SET tried_at = ledger_now(),
        due_at = CASE WHEN ledger_organisation_owes(p_account) THEN ledger_now()
                 ELSE (SELECT min(expires_at) FROM promotion
                       WHERE account_id = p_account AND ended_at IS NULL) END
    WHERE account_id = p_account;
    RETURN taken;
END $$;

-- Before anything is lent to an account, what is due is taken. Otherwise as 012.
CREATE OR REPLACE FUNCTION account_take(p_account uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT count(*) INTO n FROM (SELECT 1 FROM ledger_account
                                 WHERE owner = p_account AND kind IN ('available', 'leased')
                                 ORDER BY ledger_account_id FOR NO KEY UPDATE SKIP LOCKED) x;
    IF n = 2 AND EXISTS (SELECT 1 FROM ledger_state WHERE account_id = p_account AND due_at <= ledger_now()) THEN
        PERFORM ledger_take_due(p_account);
    END IF;
    RETURN n = 2;
END $$;

-- Accounts with something due, at most p_max, those tried longest ago first; each is tried every 10 s at most.
-- Accounts that somebody else is working on are left for the next round.
CREATE FUNCTION ledger_due_round(p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    a uuid;
    n bigint := 0;
BEGIN
    FOR a IN SELECT account_id FROM ledger_state WHERE due_at <= ledger_now()
             AND (tried_at IS NULL OR tried_at < ledger_now() - interval '10 seconds' OR tried_at < due_at)
             ORDER BY tried_at NULLS FIRST LIMIT p_max LOOP
        PERFORM 1 FROM account WHERE account_id = a FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        n := n + (ledger_take_due(a) > 0)::int;
    END LOOP;
    RETURN n;
END $$;

-- Begin of a movement: false when there is no such account.
CREATE FUNCTION ledger_begin(p_account uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM ledger_take_due(p_account);
    RETURN true;
END $$;

-- --- movements. Each is idempotent by account, kind and idempotency key: outcome ok; repeated (nothing moved, the
-- first one's numbers); conflict (the key was used for something else); unknown (no such account); insufficient
-- (o_free may be taken); others are said where they occur. o_available: what the account has to spend then.

CREATE OR REPLACE FUNCTION ledger_topup(p_account uuid, p_amount bigint, p_idempotency text,
                                        OUT outcome text, OUT o_transfer bigint, OUT o_available bigint)
LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    IF NOT ledger_begin(p_account) THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    SELECT * INTO before FROM ledger_once(p_account, 'topup', p_idempotency);
    IF before.o_transfer IS NOT NULL THEN
        o_transfer := before.o_transfer;
        outcome := CASE WHEN before.o_asked = p_amount THEN 'repeated' ELSE 'conflict' END;
    ELSE
        outcome := 'ok';
        IF p_amount <= 0 THEN
            RAISE EXCEPTION 'a top-up brings a positive amount' USING ERRCODE = 'check_violation';
        END IF;
        o_transfer := ledger_post('topup', p_account, '{deposits,available}', ARRAY[-p_amount, p_amount],
                                  p_idempotency, NULL, NULL, NULL, p_amount);
        PERFORM ledger_take_due(p_account); -- a debt is paid first
    END IF;
    o_available := ledger_balance(p_account, 'available');
END $$;

-- Paid money goes back whether it is there or not: what is not becomes a debt, which later money pays first.
CREATE FUNCTION ledger_take_back(p_account uuid, p_amount bigint, p_idempotency text, p_kind text,
                                 OUT outcome text, OUT o_transfer bigint, OUT taken bigint, OUT owed bigint)
LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    IF p_amount <= 0 OR p_kind NOT IN ('refund', 'dispute') THEN
        RAISE EXCEPTION 'a refund or dispute of a positive amount' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT ledger_begin(p_account) THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    SELECT * INTO before FROM ledger_once(p_account, p_kind, p_idempotency);
    IF before.o_transfer IS NULL THEN
        outcome := 'ok';
        taken := least(p_amount, ledger_free(p_account));
        owed := p_amount - taken;
        o_transfer := ledger_post(p_kind, p_account, '{available,owed,deposits}', ARRAY[-taken, -owed, p_amount],
                                  p_idempotency, NULL, NULL, NULL, p_amount);
        IF owed > 0 THEN
            PERFORM ledger_take_due(p_account); -- from the organisation's other workspaces
        END IF;
    ELSIF before.o_asked = p_amount THEN
        outcome := 'repeated';
        o_transfer := before.o_transfer;
        taken := -ledger_part(p_account, o_transfer, 'available');
        owed := -ledger_part(p_account, o_transfer, 'owed');
    ELSE
        outcome := 'conflict';
    END IF;
END $$;

-- Of the account's deposits this is payments' (039): it goes back by their own refunds only, or the same money would go
-- back twice.
CREATE FUNCTION ledger_of_payments(p_account uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(-sum(ledger_part(t.account_id, t.transfer_id, 'deposits')), 0)::bigint
    FROM transfer t WHERE t.account_id = p_account AND t.kind IN ('topup', 'refund', 'dispute')
      AND ledger_is_payment(t.idempotency)
$$;

-- A refund or a negative adjustment (all of p_amount or nothing), or a positive adjustment. outcome of a refund also:
-- unpaid (less was paid than this); payment (what was paid by hand is less than this; the rest are payments).
CREATE FUNCTION ledger_change(p_account uuid, p_kind text, p_amount bigint, p_reason text, p_idempotency text,
                              OUT outcome text, OUT o_transfer bigint, OUT o_available bigint, OUT o_free bigint)
LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    IF p_amount = 0 OR p_kind NOT IN ('refund', 'adjustment') OR (p_kind = 'refund' AND p_amount > 0) THEN
        RAISE EXCEPTION 'not such a movement' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT ledger_begin(p_account) THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    SELECT * INTO before FROM ledger_once(p_account, p_kind, p_idempotency);
    o_free := ledger_free(p_account);
    o_transfer := before.o_transfer;
    IF before.o_transfer IS NOT NULL THEN
        outcome := CASE WHEN before.o_asked = p_amount AND before.o_reason IS NOT DISTINCT FROM p_reason
                        THEN 'repeated' ELSE 'conflict' END;
    ELSIF -p_amount > o_free THEN
        outcome := 'insufficient';
    ELSIF p_kind = 'refund' AND -p_amount > -ledger_balance(p_account, 'deposits') THEN
        outcome := 'unpaid';
    ELSIF p_kind = 'refund' AND -p_amount > -ledger_balance(p_account, 'deposits') - ledger_of_payments(p_account) THEN
        outcome := 'payment';
    ELSE
        outcome := 'ok';
        o_transfer := ledger_post(p_kind, p_account,
            ARRAY['available', CASE p_kind WHEN 'refund' THEN 'deposits' ELSE 'adjustments' END],
            ARRAY[p_amount, -p_amount], p_idempotency, p_reason, NULL, NULL, p_amount);
        PERFORM ledger_take_due(p_account);
    END IF;
    o_available := ledger_balance(p_account, 'available');
END $$;

-- outcome also: expired (p_expires is not in the future).
CREATE FUNCTION ledger_promote(p_account uuid, p_id uuid, p_amount bigint, p_expires timestamptz, p_reason text,
                               p_idempotency text, OUT outcome text, OUT o_transfer bigint,
                               OUT o_available bigint, OUT o_promotion uuid)
LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    IF NOT ledger_begin(p_account) THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    SELECT * INTO before FROM ledger_once(p_account, 'promotion', p_idempotency);
    IF before.o_transfer IS NOT NULL THEN
        o_transfer := before.o_transfer;
        o_promotion := before.o_about;
        outcome := CASE WHEN before.o_asked = p_amount AND before.o_reason = p_reason
                             AND EXISTS (SELECT 1 FROM promotion WHERE account_id = p_account
                                         AND promotion_id = before.o_about AND expires_at = p_expires)
                        THEN 'repeated' ELSE 'conflict' END;
    ELSIF p_expires <= ledger_now() THEN
        outcome := 'expired';
    ELSE
        outcome := 'ok';
        o_promotion := p_id;
        INSERT INTO promotion (account_id, promotion_id, amount_nusd, expires_at, reason, created_at)
        VALUES (p_account, p_id, p_amount, p_expires, p_reason, ledger_now());
        o_transfer := ledger_post('promotion', p_account, '{promotions,available}', ARRAY[-p_amount, p_amount],
                                  p_idempotency, p_reason, p_id, NULL, p_amount);
        PERFORM ledger_take_due(p_account); -- and when it ends
    END IF;
    o_available := ledger_balance(p_account, 'available');
END $$;

-- Of a top-up what is still there: o_reversed now, o_rest cannot be taken. outcome also: not_topup; payment (the top-up
-- books one, whose own refund is the way). A later reversal takes what was missing then.
CREATE FUNCTION ledger_reverse(p_account uuid, p_topup bigint, p_reason text, p_idempotency text,
                               OUT outcome text, OUT o_transfer bigint, OUT o_reversed bigint,
                               OUT o_rest bigint, OUT o_available bigint)
LANGUAGE plpgsql AS $$
DECLARE
    before record;
    whole bigint;
BEGIN
    IF NOT ledger_begin(p_account) THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    SELECT ledger_part(t.account_id, t.transfer_id, 'available') INTO whole FROM transfer t
    WHERE t.account_id = p_account AND t.transfer_id = p_topup AND t.kind = 'topup';
    SELECT * INTO before FROM ledger_once(p_account, 'reversal', p_idempotency);
    o_available := ledger_balance(p_account, 'available');
    IF before.o_transfer IS NOT NULL THEN
        outcome := CASE WHEN before.o_reverses = p_topup AND before.o_reason = p_reason
                        THEN 'repeated' ELSE 'conflict' END;
        o_transfer := before.o_transfer;
        o_reversed := -ledger_part(p_account, o_transfer, 'available');
        o_rest := before.o_asked - o_reversed;
        RETURN;
    ELSIF whole IS NULL THEN
        outcome := 'not_topup';
        RETURN;
    ELSIF EXISTS (SELECT 1 FROM transfer t WHERE t.account_id = p_account AND t.transfer_id = p_topup
                  AND ledger_is_payment(t.idempotency)) THEN
        outcome := 'payment';
        RETURN;
    END IF;
    o_rest := whole + (SELECT coalesce(sum(ledger_part(t.account_id, t.transfer_id, 'available')), 0)
                       FROM transfer t WHERE t.account_id = p_account AND t.reverses = p_topup)::bigint;
    o_reversed := least(o_rest, ledger_free(p_account));
    outcome := CASE WHEN o_rest = 0 THEN 'done' WHEN o_reversed = 0 THEN 'insufficient' ELSE 'ok' END;
    IF outcome = 'ok' THEN
        o_transfer := ledger_post('reversal', p_account, '{available,deposits}', ARRAY[-o_reversed, o_reversed],
                                  p_idempotency, p_reason, NULL, p_topup, o_rest);
        o_rest := o_rest - o_reversed;
        o_available := o_available - o_reversed;
    END IF;
END $$;

-- Between workspaces of one organisation: one transfer in each one's books, both with the same id (about). outcome
-- also: foreign (of another organisation, closed, or none), same (the account itself), suspended (either: its money stays
-- where it is), closed (p_from is).
CREATE FUNCTION ledger_transfer(p_from uuid, p_to uuid, p_id uuid, p_amount bigint, p_reason text,
                                p_idempotency text, OUT outcome text, OUT o_transfer bigint,
                                OUT o_available bigint, OUT o_free bigint)
LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    IF p_amount <= 0 THEN
        RAISE EXCEPTION 'a transfer moves a positive amount' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM account WHERE account_id IN (p_from, p_to) ORDER BY account_id FOR NO KEY UPDATE;
    IF p_from = p_to THEN
        outcome := 'same';
        RETURN;
    ELSIF NOT EXISTS (SELECT 1 FROM account f JOIN account t USING (organisation_id)
                      WHERE f.account_id = p_from AND t.account_id = p_to) THEN
        outcome := 'foreign';
        RETURN;
    END IF;
    PERFORM ledger_begin(p_from), ledger_begin(p_to);
    SELECT * INTO before FROM ledger_once(p_from, 'move', p_idempotency);
    o_free := ledger_free(p_from);
    o_transfer := before.o_transfer;
    IF before.o_transfer IS NOT NULL THEN
        outcome := CASE WHEN before.o_asked = p_amount AND before.o_reason IS NOT DISTINCT FROM p_reason
                             AND EXISTS (SELECT 1 FROM transfer WHERE account_id = p_to AND kind = 'move'
                                         AND about = before.o_about)
                        THEN 'repeated' ELSE 'conflict' END;
    ELSIF EXISTS (SELECT 1 FROM account WHERE account_id = p_to AND state = 'closed') THEN
        outcome := 'foreign'; -- nobody could take it out again
    ELSIF EXISTS (SELECT 1 FROM account WHERE account_id IN (p_from, p_to) AND state <> 'active') THEN
        -- both rows are locked: neither becomes suspended before this commits
        outcome := CASE WHEN EXISTS (SELECT 1 FROM account WHERE account_id = p_from AND state = 'closed')
                        THEN 'closed' ELSE 'suspended' END;
    ELSIF p_amount > o_free THEN
        outcome := 'insufficient';
    ELSE
        outcome := 'ok';
        o_transfer := ledger_post('move', p_from, '{available,moved}', ARRAY[-p_amount, p_amount], p_idempotency,
                                  p_reason, p_id, NULL, p_amount);
        PERFORM ledger_post('move', p_to, '{moved,available}', ARRAY[-p_amount, p_amount], NULL, p_reason, p_id,
                            NULL, p_amount);
        PERFORM ledger_take_due(p_to);
    END IF;
    o_available := ledger_balance(p_from, 'available');
END $$;

-- --- what must never be seen

-- Of the movements of this file; ledger_check() has these and ledger_violations.
CREATE VIEW money_violations AS
SELECT 'promotion is not what its ledger account says' AS invariant, a.owner::text AS subject,
       -a.balance_nusd::numeric AS got, coalesce(p.left_nusd, 0)::numeric AS want
FROM ledger_account a
LEFT JOIN (SELECT account_id, sum(amount_nusd - returned_nusd) AS left_nusd FROM promotion GROUP BY 1) p
    ON p.account_id = a.owner
WHERE a.kind = 'promotions' AND -a.balance_nusd <> coalesce(p.left_nusd, 0)
UNION ALL
-- What was billed since promotions were last settled may be theirs.
SELECT 'promotions exceed what the account has', p.account_id::text, b.have, p.rest - greatest(0, b.billed - s.billed_nusd)
FROM (SELECT account_id, sum(amount_nusd - spent_nusd - returned_nusd) AS rest FROM promotion
      WHERE ended_at IS NULL GROUP BY 1) p
JOIN ledger_state s USING (account_id)
CROSS JOIN LATERAL (SELECT sum(balance_nusd) FILTER (WHERE kind IN ('available', 'leased')) AS have,
                           sum(balance_nusd) FILTER (WHERE kind IN ('revenue', 'writeoff')) AS billed
                    FROM ledger_account WHERE owner = p.account_id) b
WHERE b.have < p.rest - greatest(0, b.billed - s.billed_nusd)
UNION ALL
SELECT 'promotions are settled beyond what was billed', s.account_id::text, s.billed_nusd, b.billed
FROM ledger_state s
CROSS JOIN LATERAL (SELECT sum(balance_nusd) AS billed FROM ledger_account
                    WHERE owner = s.account_id AND kind IN ('revenue', 'writeoff')) b
WHERE s.billed_nusd > b.billed
UNION ALL
SELECT 'promotions spent more than was billed', p.account_id::text, p.spent, s.billed_nusd
FROM (SELECT account_id, sum(spent_nusd) AS spent FROM promotion GROUP BY 1) p JOIN ledger_state s USING (account_id)
WHERE p.spent > s.billed_nusd
UNION ALL
SELECT 'an open promotion or debt is not due', s.account_id::text, 0, 1
FROM ledger_state s WHERE s.due_at IS NULL
  AND (EXISTS (SELECT 1 FROM promotion p WHERE p.account_id = s.account_id AND p.ended_at IS NULL)
       OR EXISTS (SELECT 1 FROM ledger_account a WHERE a.owner = s.account_id AND a.kind = 'owed' AND a.balance_nusd < 0))
UNION ALL
SELECT 'an account has no state of its ledger', a.account_id::text, 0, 1
FROM account a WHERE NOT EXISTS (SELECT 1 FROM ledger_state s WHERE s.account_id = a.account_id)
UNION ALL
SELECT 'a move has not two equal sides', m.about::text, m.sum, 0
FROM (SELECT t.about, count(DISTINCT t.account_id) AS n, sum(p.amount_nusd) AS sum
      FROM transfer t JOIN posting p USING (account_id, transfer_id)
      JOIN ledger_account a ON a.owner = p.account_id AND a.ledger_account_id = p.ledger_account_id
      WHERE t.kind = 'move' AND a.kind = 'available' GROUP BY 1) m
WHERE m.n <> 2 OR m.sum <> 0
UNION ALL
SELECT 'more of a top-up is reversed than it brought', r.reverses::text, r.sum, ledger_part(r.account_id, r.reverses, 'available')
FROM (SELECT t.account_id, t.reverses, -sum(ledger_part(t.account_id, t.transfer_id, 'available')) AS sum
      FROM transfer t WHERE t.reverses IS NOT NULL GROUP BY 1, 2) r
WHERE r.sum > ledger_part(r.account_id, r.reverses, 'available')
UNION ALL
-- A customer's money is what came in less what went out.
SELECT 'a balance is not what came in less what went out', a.owner::text, a.have, a.should
FROM (SELECT owner, sum(balance_nusd) FILTER (WHERE kind IN ('available', 'leased')) AS have,
             -sum(balance_nusd) FILTER (WHERE kind NOT IN ('available', 'leased')) AS should
      FROM ledger_account GROUP BY owner) a
WHERE a.have <> a.should;
