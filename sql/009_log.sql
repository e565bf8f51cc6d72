-- The transparency log: an RFC 6962 Merkle tree whose leaves are canonical JSON statements about what
-- ran (boots), under which rules (policies), and what was released. Nothing is ever changed or removed,
-- and the database refuses an entry, a subtree or a checkpoint that does not follow from the ones
-- before, whatever a program above it does wrong. sql/README.md names the order of locks; the log's
-- advisory lock is taken by its own transactions only.

CREATE TABLE log_entry (
    index     bigint PRIMARY KEY CHECK (index >= 0),
    kind      text NOT NULL CHECK (kind IN ('release', 'boot', 'policy')),
    -- What it is about: the same boot under the same policy, or the same release, is logged once.
    subject   bytea NOT NULL CHECK (octet_length(subject) = 32),
    statement bytea NOT NULL CHECK (octet_length(statement) BETWEEN 2 AND 32768),
    leaf      bytea NOT NULL CHECK (leaf = sha256('\x00'::bytea || statement)),
    created   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX log_entry_by_subject ON log_entry (kind, subject);
CREATE INDEX log_entry_by_kind ON log_entry (kind, index);

-- Every complete subtree: level l, index i is the hash over leaves [i << l, (i+1) << l).
CREATE TABLE log_node (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 62),
    index bigint NOT NULL CHECK (index >= 0),
    hash  bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, index)
);

CREATE TABLE log_checkpoint (
    size    bigint PRIMARY KEY CHECK (size > 0),
    root    bytea NOT NULL CHECK (octet_length(root) = 32),
    note    bytea NOT NULL CHECK (octet_length(note) BETWEEN 1 AND 4096), -- C2SP signed note
    created timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER log_entry_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_node_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON log_node
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_checkpoint_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON log_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION log_size() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT coalesce(max(index) + 1, 0) FROM log_entry';

-- The hashes from which the root of the tree of a size is put together, lowest level first.
CREATE FUNCTION log_edge(size bigint, OUT level smallint, OUT hash bytea)
RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT n.level, n.hash FROM generate_series(0, 62) AS l
    JOIN log_node n ON n.level = l AND n.index = (size >> l) - 1
    WHERE (size >> l) & 1 = 1 ORDER BY n.level
$$;

-- Its root; NULL when the tree has fewer leaves.
CREATE FUNCTION log_root(size bigint) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
DECLARE
    edge record;
    root bytea;
    held bigint := 0;
BEGIN
    FOR edge IN SELECT * FROM log_edge(size) LOOP
        root := CASE WHEN root IS NULL THEN edge.hash
                ELSE sha256('\x01'::bytea || edge.hash || root) END;
        held := held + (1::bigint << edge.level);
    END LOOP;
    RETURN CASE WHEN held = size THEN root END;
END $$;

CREATE FUNCTION log_entry_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.index <> log_size() THEN
        RAISE EXCEPTION 'log entry % does not follow', NEW.index USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER log_entry_follows BEFORE INSERT ON log_entry
    FOR EACH ROW EXECUTE FUNCTION log_entry_follows();

CREATE FUNCTION log_node_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    want bytea;
BEGIN
    IF NEW.level = 0 THEN
        SELECT leaf INTO want FROM log_entry WHERE index = NEW.index;
    ELSE
        SELECT sha256('\x01'::bytea || l.hash || r.hash) INTO want FROM log_node l, log_node r
        WHERE l.level = NEW.level - 1 AND l.index = 2 * NEW.index
          AND r.level = NEW.level - 1 AND r.index = 2 * NEW.index + 1;
    END IF;
    IF want IS DISTINCT FROM NEW.hash THEN
        RAISE EXCEPTION 'log node %/% does not follow', NEW.level, NEW.index
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER log_node_follows BEFORE INSERT ON log_node
    FOR EACH ROW EXECUTE FUNCTION log_node_follows();

CREATE FUNCTION log_checkpoint_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.root IS DISTINCT FROM log_root(NEW.size) THEN
        RAISE EXCEPTION 'log checkpoint % does not follow', NEW.size
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER log_checkpoint_follows BEFORE INSERT ON log_checkpoint
    FOR EACH ROW EXECUTE FUNCTION log_checkpoint_follows();

-- Append to a log of expected leaves; levels, indexes and hashes are the subtrees that this leaf
-- completes. One transaction, one writer at a time over all instances.
--   ok       it is entry o_index
--   exists   it was there already, as entry o_index (a policy: it is the latest one)
--   moved    somebody was faster: the log has o_index leaves, try again
CREATE FUNCTION log_append(expected bigint, new_kind text, new_subject bytea, new_statement bytea,
                           new_leaf bytea, levels bigint[], indexes bigint[], hashes bytea,
                           OUT outcome text, OUT o_index bigint)
LANGUAGE plpgsql AS $$
DECLARE
    latest record;
BEGIN
    PERFORM pg_advisory_xact_lock(7310851245102802);
    SELECT e.index, e.subject INTO latest FROM log_entry e
    WHERE e.kind = new_kind AND (new_kind = 'policy' OR e.subject = new_subject)
    ORDER BY e.index DESC LIMIT 1;
    IF latest.subject = new_subject THEN
        outcome := 'exists';
        o_index := latest.index;
        RETURN;
    END IF;
    o_index := log_size();
    IF o_index <> expected THEN
        outcome := 'moved';
        RETURN;
    END IF;
    INSERT INTO log_entry (index, kind, subject, statement, leaf)
    VALUES (o_index, new_kind, new_subject, new_statement, new_leaf);
    FOR i IN 1 .. cardinality(levels) LOOP
        INSERT INTO log_node (level, index, hash)
        VALUES (levels[i], indexes[i], substring(hashes FROM 32 * (i - 1) + 1 FOR 32));
    END LOOP;
    outcome := 'ok';
END $$;

-- What must never be seen, as ledger_violations is for money: empty in a sound log.
CREATE VIEW log_violations AS
SELECT 'an entry is missing' AS invariant, g.index::text AS subject
FROM generate_series(0, log_size() - 1) AS g(index)
WHERE NOT EXISTS (SELECT 1 FROM log_entry e WHERE e.index = g.index)
UNION ALL
SELECT 'a leaf is not the hash of its statement', e.index::text
FROM log_entry e WHERE e.leaf <> sha256('\x00'::bytea || e.statement)
UNION ALL
SELECT 'a complete subtree is missing', l.level || '/' || g.index
FROM generate_series(0, 62) AS l(level)
CROSS JOIN LATERAL generate_series(0, (log_size() >> l.level) - 1) AS g(index)
WHERE NOT EXISTS (SELECT 1 FROM log_node n WHERE n.level = l.level AND n.index = g.index)
UNION ALL
SELECT 'a subtree is not complete', n.level || '/' || n.index
FROM log_node n WHERE n.index >= log_size() >> n.level
UNION ALL
SELECT 'a node is not its leaf', '0/' || n.index
FROM log_node n JOIN log_entry e USING (index) WHERE n.level = 0 AND n.hash <> e.leaf
UNION ALL
SELECT 'a node is not the hash of its children', n.level || '/' || n.index
FROM log_node n
LEFT JOIN log_node l ON l.level = n.level - 1 AND l.index = 2 * n.index
LEFT JOIN log_node r ON r.level = n.level - 1 AND r.index = 2 * n.index + 1
WHERE n.level > 0 AND n.hash IS DISTINCT FROM sha256('\x01'::bytea || l.hash || r.hash)
UNION ALL
SELECT 'a checkpoint is not of this log', c.size::text
FROM log_checkpoint c WHERE c.root IS DISTINCT FROM log_root(c.size);
