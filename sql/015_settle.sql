-- When money that a data plane holds may be taken back: after its records are booked, or when it cannot
-- spend any more. proto/PROTOCOL.md ("When a lease is settled") says why each rule is safe.

-- link: the session over which the boot is connected to some control plane; its control plane renews
-- linked_at every second. unlinked_at: when that session ended. settled_at: every record of requests that ended
-- before it is booked. succeeded: another boot has taken its place.
ALTER TABLE boot ADD COLUMN link uuid, ADD COLUMN linked_at timestamptz,
    ADD COLUMN unlinked_at timestamptz, ADD COLUMN settled_at timestamptz,
    ADD COLUMN place text CHECK (length(place) BETWEEN 1 AND 64),
    ADD COLUMN succeeded boolean NOT NULL DEFAULT false;
CREATE INDEX boot_by_place ON boot (place) WHERE NOT succeeded;

-- A data plane is accepted over this session. lapse: a successor took its place meanwhile, and its leases may
-- have been settled without it.
CREATE FUNCTION boot_link(p_boot uuid, p_link uuid, p_measurement bytea, p_simulated boolean,
                          OUT o_acked bigint, OUT o_lapse boolean) LANGUAGE sql AS $$
    INSERT INTO boot (boot_id, measurement, simulated, link, linked_at)
    VALUES (p_boot, p_measurement, p_simulated, p_link, ledger_now())
    ON CONFLICT (boot_id) DO UPDATE SET last_seen = ledger_now(), link = p_link,
        linked_at = ledger_now(), unlinked_at = NULL
    RETURNING acked_seq, succeeded
$$;

-- The session has ended; what a later one has written stays.
CREATE FUNCTION boot_unlink(p_boot uuid, p_link uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE boot SET link = NULL, unlinked_at = ledger_now() WHERE boot_id = p_boot AND link = p_link
$$;

-- Over this session the boot says: every record of a request that ended before p_at_ms has a number up to
-- p_seq. Returns the ledger's clock, unix ms; NULL: the database does not know the boot or the session.
CREATE FUNCTION boot_settled(p_boot uuid, p_link uuid, p_seq bigint, p_at_ms bigint)
RETURNS bigint LANGUAGE sql AS $$
    UPDATE boot SET linked_at = ledger_now(), settled_at =
        CASE WHEN acked_seq >= p_seq THEN greatest(settled_at, to_timestamp(p_at_ms / 1000.0))
             ELSE settled_at END
    WHERE boot_id = p_boot AND link = p_link
    RETURNING (extract(epoch FROM ledger_now()) * 1000)::bigint
$$;

-- The boot runs at this place, where only one data plane runs at a time.
CREATE FUNCTION boot_place(p_boot uuid, p_place text) RETURNS void LANGUAGE sql AS $$
    UPDATE boot SET place = p_place WHERE boot_id = p_boot AND place IS DISTINCT FROM p_place
$$;

-- Since when the boot is connected to nobody; NULL: it is connected, or never was. A session that has not
-- been renewed for 15 s although the database answered all the time (since p_up_since) has ended
-- with its control plane.
CREATE FUNCTION boot_gone_since(b boot, p_up_since timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN b.link IS NULL THEN b.unlinked_at
                WHEN greatest(b.linked_at, p_up_since) < ledger_now() - interval '15 seconds'
                THEN b.linked_at END
$$;

-- May what is left of this lease go back to its account?
-- Connected boot: its lease ended p_grace_ms ago and everything before that is booked; in any case 10 minutes
-- after its end. Otherwise: a successor works at its place; or it has been disconnected for p_linkless_ms,
-- after which it does not spend any more; or its lease ended p_grace_ms ago. The last two only once the
-- database has answered for 5 s, in which a boot that lives comes back and ships what it has.
CREATE FUNCTION lease_due(l lease, b boot, p_grace_ms bigint, p_linkless_ms bigint,
                          p_up_since timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN b.link IS NOT NULL AND g.gone_since IS NULL THEN
            e.over_at < n.at AND (coalesce(b.settled_at > e.over_at, false)
                                  OR e.over_at < n.at - interval '10 minutes')
        WHEN b.succeeded THEN true
        WHEN p_up_since > n.at - interval '5 seconds' THEN false
        ELSE e.over_at < n.at
             OR coalesce(g.gone_since < n.at - p_linkless_ms * interval '1 millisecond', false) END
    FROM (SELECT ledger_now() AS at) n,
         (SELECT boot_gone_since(b, p_up_since) AS gone_since) g,
         (SELECT l.expires_at + p_grace_ms * interval '1 millisecond' AS over_at) e
$$;

-- Boots whose place another one has taken, which is connected, while they are not. One that somebody is
-- working on is left for the next round.
CREATE FUNCTION boot_succeed(p_up_since timestamptz) RETURNS void LANGUAGE sql AS $$
    UPDATE boot SET succeeded = true WHERE boot_id IN (
        SELECT o.boot_id FROM boot o
        WHERE NOT o.succeeded AND o.place IS NOT NULL
          AND (o.link IS NULL OR boot_gone_since(o, p_up_since) IS NOT NULL)
          AND EXISTS (SELECT 1 FROM boot n WHERE n.place = o.place AND n.boot_id <> o.boot_id
                      AND n.first_seen > o.first_seen AND n.link IS NOT NULL
                      AND boot_gone_since(n, p_up_since) IS NULL)
        FOR NO KEY UPDATE OF o SKIP LOCKED)
$$;

-- Close leases that are due and give what is left of them back. Accounts that somebody else is working on
-- are left for the next round, so instances never wait for each other.
DROP FUNCTION lease_reclaim(bigint, bigint);
CREATE FUNCTION lease_reclaim(p_grace_ms bigint, p_max bigint, p_linkless_ms bigint DEFAULT 40000,
                              p_up_since timestamptz DEFAULT '-infinity')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    l lease;
    n bigint := 0;
    amount bigint;
    over_before timestamptz := ledger_now() - p_grace_ms * interval '1 millisecond';
BEGIN
    PERFORM boot_succeed(p_up_since);
    FOR l IN
        -- Found by an index each: those that are over, and those of boots that are gone.
        SELECT x.* FROM lease x JOIN boot b USING (boot_id)
        WHERE x.state = 'open' AND x.expires_at < over_before
          AND lease_due(x, b, p_grace_ms, p_linkless_ms, p_up_since)
        UNION ALL
        SELECT x.* FROM boot b JOIN lease x USING (boot_id)
        WHERE x.state = 'open' AND x.expires_at >= over_before
          AND (b.succeeded OR boot_gone_since(b, p_up_since) IS NOT NULL)
          AND lease_due(x, b, p_grace_ms, p_linkless_ms, p_up_since)
        LIMIT p_max
    LOOP
        PERFORM 1 FROM account WHERE account_id = l.account_id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        -- Under the lock: it may have been extended or closed since; and of records that are set aside
        -- for a locked account, the next round books them first.
        SELECT x.* INTO l FROM lease x JOIN boot b USING (boot_id)
        WHERE x.lease_id = l.lease_id AND x.state = 'open'
          AND lease_due(x, b, p_grace_ms, p_linkless_ms, p_up_since)
          AND NOT EXISTS (SELECT 1 FROM usage_aside s
                          WHERE s.reason = 'busy' AND s.lease_id = x.lease_id);
        CONTINUE WHEN NOT FOUND;
        amount := l.granted_nusd - l.spent_nusd - l.returned_nusd;
        IF amount > 0 THEN
            PERFORM ledger_move('reclaim', l.account_id, l.lease_id, 'leased', 'available', amount);
        END IF;
        UPDATE lease SET returned_nusd = returned_nusd + amount, state = 'reclaimed',
            closed_at = ledger_now() WHERE lease_id = l.lease_id;
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;

-- One round of a control plane, every second. p_seen_ms: what o_now_ms was in the last round, 0: there was
-- none; p_up_ms: since when its rounds follow each other without a pause. A round that comes more than 5 s
-- after the last one, because the database or the control plane stood still, reclaims nothing: what boots
-- have to say about that time is not in the database yet.
CREATE FUNCTION reclaim_round(p_grace_ms bigint, p_max bigint, p_linkless_ms bigint,
                              p_seen_ms bigint, p_up_ms bigint,
                              OUT o_count bigint, OUT o_now_ms bigint, OUT o_up_ms bigint)
LANGUAGE plpgsql AS $$
BEGIN
    o_now_ms := (extract(epoch FROM ledger_now()) * 1000)::bigint;
    o_count := 0;
    IF abs(o_now_ms - p_seen_ms) > 5000 THEN
        o_up_ms := o_now_ms;
        RETURN;
    END IF;
    o_up_ms := p_up_ms;
    o_count := lease_reclaim(p_grace_ms, p_max, p_linkless_ms, to_timestamp(p_up_ms / 1000.0));
END $$;

-- The leases that are asked to give some back: the largest, those of connected boots first. Nobody hears a
-- recall of the others, and after a data plane was killed they may be the largest for as long as they are open.
CREATE FUNCTION lease_lenders(p_account uuid, p_key uuid, p_not_lease uuid) RETURNS SETOF lease
LANGUAGE sql STABLE AS $$
    SELECT l.* FROM lease l JOIN boot b USING (boot_id)
    WHERE l.account_id = p_account AND l.state = 'open' AND l.lease_id IS DISTINCT FROM p_not_lease
      AND l.key_id = coalesce(p_key, l.key_id) AND l.expires_at > ledger_now()
      AND l.granted_nusd - l.spent_nusd - l.returned_nusd > 0
    ORDER BY b.link IS NULL, l.granted_nusd - l.spent_nusd - l.returned_nusd DESC LIMIT 8
$$;
CREATE OR REPLACE FUNCTION lease_recall(p_account uuid, p_key uuid, p_not_lease uuid, p_need bigint)
RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('tr_key', 'recall ' || replace(l.boot_id::text, '-', '') || ' '
                     || replace(l.key_id::text, '-', '') || ' ' || replace(l.lease_id::text, '-', '')
                     || ' ' || p_need)
    FROM lease_lenders(p_account, p_key, p_not_lease) l
$$;

-- What an operator and the health of a control plane look at; cheap. refused: needs an operator
-- (usage_aside); busy: waits for a locked account; gaps: records that are lost, and what they can have been worth
-- at most.
CREATE VIEW booking_state AS
SELECT (SELECT count(*) FROM usage_aside WHERE reason = 'refused') AS refused,
       (SELECT count(*) FROM usage_aside WHERE reason = 'busy') AS busy,
       (SELECT min(aside_at) FROM usage_aside) AS oldest_aside_at,
       (SELECT count(*) FROM usage_gap) AS gaps,
       (SELECT coalesce(sum(seq_hi - seq_lo + 1), 0) FROM usage_gap) AS lost_records,
       (SELECT coalesce(sum(bound_nusd), 0) FROM usage_gap) AS lost_bound_nusd,
       (SELECT count(*) FROM boot b WHERE b.link IS NOT NULL
            AND boot_gone_since(b, '-infinity') IS NULL) AS connected,
       (SELECT min(coalesce(b.settled_at, b.linked_at)) FROM boot b WHERE b.link IS NOT NULL
            AND boot_gone_since(b, '-infinity') IS NULL) AS least_settled_at;
