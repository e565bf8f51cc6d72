-- Parts of an orchestration: the models of its panel, its judges, and each answer of a final model that was charged. The
-- usage record has their sum; a row here says what one of them came to. Metadata only, as all of usage.

CREATE TABLE usage_part (
    account_id    uuid NOT NULL REFERENCES account,
    request_id    uuid NOT NULL,
    role          smallint NOT NULL CHECK (role BETWEEN 0 AND 2), -- proto/usage.h: panel, judge, final
    place         smallint NOT NULL CHECK (place BETWEEN 0 AND 7),
    boot_id       uuid NOT NULL,
    seq           bigint NOT NULL, -- of the usage record
    key_id        uuid NOT NULL,
    part_id       uuid NOT NULL,
    booked_at     timestamptz NOT NULL,
    cost_nusd     bigint NOT NULL CHECK (cost_nusd >= 0),
    model_no      bigint NOT NULL, -- 0: nobody was asked
    endpoint_no   bigint NOT NULL,
    price_version bigint NOT NULL,
    began_ms      bigint NOT NULL, -- since the request was received
    first_byte_ms bigint NOT NULL, -- since the part began, as total_ms
    total_ms      bigint NOT NULL,
    flags         integer NOT NULL,
    outcome       smallint NOT NULL,
    finish        smallint NOT NULL,
    attempts      smallint NOT NULL,
    marks         smallint NOT NULL, -- 1 refused, 2 given to the client
    tokens        bigint[] NOT NULL, -- of each class, in the order of proto/usage_fields.h
    PRIMARY KEY (account_id, request_id, role, place)
);
CREATE INDEX usage_part_by_age ON usage_part (booked_at);

-- The parts of records of this batch: p_ids their ids, p_numbers as many numbers for each, p_each, in the order of
-- ingest.c: seq, cost, model, endpoint, price version, the three times, flags, role, place, outcome, finish, attempts,
-- marks, and then tokens. Those of a record that was there before say nothing new.
CREATE FUNCTION usage_parts_keep(p_boot uuid, p_records usage_record[], p_ids uuid[], p_numbers bigint[], p_each bigint,
                                 p_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO usage_part
    SELECT r.account_id, r.request_id, n[10]::smallint, n[11]::smallint, p_boot, r.seq, r.key_id, p.id, p_now, n[2], n[3],
           n[4], n[5], n[6], n[7], n[8], n[9]::integer, n[12]::smallint, n[13]::smallint, n[14]::smallint,
           n[15]::smallint, n[16:]
    FROM unnest(p_ids) WITH ORDINALITY p (id, i)
    CROSS JOIN LATERAL (SELECT p_numbers[(p.i - 1) * p_each + 1 : p.i * p_each] AS n) x
    JOIN unnest(p_records) r ON r.seq = n[1]
    JOIN api_key k ON k.key_id = r.key_id AND k.account_id = r.account_id
    ORDER BY r.account_id, r.request_id, 3, 4
    ON CONFLICT DO NOTHING
$$;

-- usage_ingest of 037, with parts. Those of records that are set aside are kept, too: they are booked later.
CREATE FUNCTION usage_ingest_parts(p_boot uuid, p_records usage_record[], p_aside boolean, p_attempts bigint[],
                                   p_part_ids uuid[], p_parts bigint[], p_each bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    acked bigint := usage_ingest(p_boot, p_records, p_aside, p_attempts);
BEGIN
    IF acked IS NOT NULL AND cardinality(p_part_ids) > 0 THEN
        PERFORM usage_parts_keep(p_boot, p_records, p_part_ids, p_parts, p_each, ledger_now());
    END IF;
    RETURN acked;
END $$;

ALTER TABLE retention_run DROP CONSTRAINT retention_run_what_check,
    ADD CONSTRAINT retention_run_what_check CHECK (what IN ('records', 'attempts', 'parts'));

-- Beside usage_retention of 038: parts go when their records do. At most p_max rows; returns how many went.
CREATE FUNCTION usage_parts_sweep(p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7310851245102805) THEN -- usage_retention's
        RETURN 0;
    END IF;
    WITH old AS (SELECT account_id, request_id, role, place FROM usage_part t JOIN account a USING (account_id)
                 WHERE t.booked_at < usage_kept_from(a.retention_days) LIMIT p_max),
    gone AS (DELETE FROM usage_part t USING old o WHERE t.account_id = o.account_id AND t.request_id = o.request_id
             AND t.role = o.role AND t.place = o.place RETURNING t.account_id, t.booked_at),
    noted AS (INSERT INTO retention_run (account_id, at, what, how, removed_to, rows)
              SELECT account_id, ledger_now(), 'parts', 'purge', max(booked_at AT TIME ZONE 'UTC')::date, count(*)
              FROM gone GROUP BY 1)
    SELECT count(*) INTO n FROM gone;
    RETURN n;
END $$;

-- A record that has parts costs what they cost together, while both are kept.
CREATE VIEW part_violations AS
SELECT 'parts of a request do not sum to its cost' AS invariant, u.request_id::text AS subject, sum(p.cost_nusd) AS got,
       u.cost_nusd::numeric AS want
FROM usage_part p JOIN account a USING (account_id)
JOIN usage u ON u.account_id = p.account_id AND u.request_id = p.request_id AND u.boot_id = p.boot_id AND u.seq = p.seq
WHERE u.booked_at >= usage_kept_from(a.retention_days)
GROUP BY u.account_id, u.request_id, u.boot_id, u.seq, u.cost_nusd HAVING sum(p.cost_nusd) <> u.cost_nusd;

-- All invariants: those of 038 and this one.
ALTER VIEW ledger_violations RENAME TO ledger_violations_before_parts;
CREATE VIEW ledger_violations AS
SELECT * FROM ledger_violations_before_parts UNION ALL SELECT * FROM part_violations;
