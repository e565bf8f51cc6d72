-- What was used: one row per record of a data plane, written once. No text: numbers and ids.

CREATE TABLE usage (
    boot_id         uuid NOT NULL,
    seq             bigint NOT NULL CHECK (seq > 0),
    request_id      uuid NOT NULL,
    account_id      uuid NOT NULL,
    key_id          uuid NOT NULL,
    lease_id        uuid NOT NULL,
    received_ms     bigint NOT NULL,
    booked_at       timestamptz NOT NULL,
    user_hash       bigint NOT NULL,
    cost_nusd       bigint NOT NULL CHECK (cost_nusd >= 0),
    -- Who paid: the lease it was reserved under; what the account still had when that lease was
    -- gone or too small; nobody.
    from_lease_nusd     bigint NOT NULL CHECK (from_lease_nusd >= 0),
    from_available_nusd bigint NOT NULL CHECK (from_available_nusd >= 0),
    written_off_nusd    bigint NOT NULL CHECK (written_off_nusd >= 0),
    model_no        bigint NOT NULL,
    endpoint_no     bigint NOT NULL,
    first_model_no  bigint NOT NULL,
    price_version   bigint NOT NULL,
    catalog_version bigint NOT NULL,
    route_us        bigint NOT NULL,
    first_byte_us   bigint NOT NULL,
    total_ms        bigint NOT NULL,
    tokens_prompt      bigint NOT NULL,
    tokens_completion  bigint NOT NULL,
    tokens_cached_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    tokens_reasoning   bigint NOT NULL,
    http_status     integer NOT NULL,
    flags           integer NOT NULL,
    region_no       integer NOT NULL,
    error_class     smallint NOT NULL,
    finish          smallint NOT NULL,
    route_reason    smallint NOT NULL,
    attempt         smallint NOT NULL,
    attempts        smallint NOT NULL,
    PRIMARY KEY (boot_id, seq),
    CONSTRAINT usage_request_once UNIQUE (request_id),
    CONSTRAINT usage_paid_exactly
        CHECK (cost_nusd = from_lease_nusd + from_available_nusd + written_off_nusd)
);
CREATE INDEX usage_by_account ON usage (account_id, booked_at);
CREATE TRIGGER usage_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON usage
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Records that name no payer, or one that contradicts what we know: kept whole, never billed.
CREATE TABLE usage_rejected (
    boot_id     uuid NOT NULL REFERENCES boot,
    seq         bigint NOT NULL CHECK (seq > 0),
    reason      text NOT NULL CHECK (reason IN ('cost', 'account', 'key', 'lease', 'request')),
    rejected_at timestamptz NOT NULL DEFAULT now(),
    record      jsonb NOT NULL,
    PRIMARY KEY (boot_id, seq)
);

CREATE TABLE usage_batch (
    batch_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    boot_id    uuid NOT NULL REFERENCES boot,
    seq_lo     bigint NOT NULL,
    seq_hi     bigint NOT NULL,
    records    integer NOT NULL,
    booked     integer NOT NULL,
    duplicates integer NOT NULL,
    rejected   integer NOT NULL,
    cost_nusd  bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    CHECK (records = booked + duplicates + rejected)
);

-- Roll-up by the UTC day of booking (the database's clock: a data plane with a wrong one cannot
-- slip out of a daily limit). Serves key limits, key usage and /activity.
CREATE TABLE usage_day (
    key_id      uuid NOT NULL REFERENCES api_key,
    day         date NOT NULL,
    model_no    bigint NOT NULL,
    endpoint_no bigint NOT NULL,
    account_id  uuid NOT NULL REFERENCES account,
    requests    bigint NOT NULL,
    cost_nusd   bigint NOT NULL,
    tokens_prompt     bigint NOT NULL,
    tokens_completion bigint NOT NULL,
    tokens_reasoning  bigint NOT NULL,
    PRIMARY KEY (key_id, day, model_no, endpoint_no)
) WITH (fillfactor = 70);
CREATE INDEX usage_day_by_account ON usage_day (account_id, day);

-- Lifetime totals: cost is what keys used, billed what the account paid of it.
CREATE TABLE key_total (
    key_id      uuid PRIMARY KEY REFERENCES api_key,
    account_id  uuid NOT NULL REFERENCES account,
    cost_nusd   bigint NOT NULL CHECK (cost_nusd >= 0),
    billed_nusd bigint NOT NULL CHECK (billed_nusd BETWEEN 0 AND cost_nusd)
) WITH (fillfactor = 50);
CREATE INDEX key_total_by_account ON key_total (account_id);

-- Spend of every key now, by window. Weeks begin on Monday, all in UTC.
CREATE VIEW key_spend AS
SELECT k.key_id, coalesce(t.cost_nusd, 0) AS total_nusd,
       d.daily_nusd, d.weekly_nusd, d.monthly_nusd,
       CASE k.limit_reset WHEN 'daily' THEN d.daily_nusd WHEN 'weekly' THEN d.weekly_nusd
            WHEN 'monthly' THEN d.monthly_nusd ELSE coalesce(t.cost_nusd, 0) END AS window_nusd
FROM api_key k
CROSS JOIN LATERAL (SELECT (ledger_now() AT TIME ZONE 'UTC') AS utc) n
LEFT JOIN key_total t ON t.key_id = k.key_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(u.cost_nusd) FILTER (WHERE u.day = n.utc::date), 0)::bigint AS daily_nusd,
           coalesce(sum(u.cost_nusd) FILTER (WHERE u.day >= date_trunc('week', n.utc)::date), 0)::bigint
               AS weekly_nusd,
           coalesce(sum(u.cost_nusd) FILTER (WHERE u.day >= date_trunc('month', n.utc)::date), 0)::bigint
               AS monthly_nusd
    FROM usage_day u
    WHERE u.key_id = k.key_id
      AND u.day >= least(date_trunc('week', n.utc), date_trunc('month', n.utc))::date) d;
