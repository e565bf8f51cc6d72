-- What an operator has to know and can repair: usage that was never booked, and a log whose subtrees are
-- missing or wrong although its entries are whole.

-- Records that are kept and were never booked. Read by the control plane's health.
CREATE FUNCTION usage_set_aside() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT (SELECT count(*) FROM usage_aside WHERE reason = ''refused'') + (SELECT count(*) FROM usage_rejected)';

-- Every complete subtree again, from the entries, when one is missing or wrong; how many there are then.
-- An entry is never touched. log_node_follows() judges each subtree as it is written, so what comes out
-- is the tree of the entries and nothing else.
CREATE FUNCTION log_rebuild_nodes() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    entries bigint := log_size();
    done int := 0; -- the level that is complete
BEGIN
    PERFORM pg_advisory_xact_lock(7310851245102802); -- as log_append(): no entry comes meanwhile
    ALTER TABLE log_node DISABLE TRIGGER log_node_immutable;
    DELETE FROM log_node;
    ALTER TABLE log_node ENABLE TRIGGER log_node_immutable;
    INSERT INTO log_node (level, index, hash) SELECT 0, e.index, e.leaf FROM log_entry e;
    WHILE entries >> (done + 1) > 0 LOOP
        INSERT INTO log_node (level, index, hash)
        SELECT done + 1, l.index / 2, sha256('\x01'::bytea || l.hash || r.hash)
        FROM log_node l JOIN log_node r ON r.level = l.level AND r.index = l.index + 1
        WHERE l.level = done AND l.index % 2 = 0;
        done := done + 1;
    END LOOP;
    RETURN (SELECT count(*) FROM log_node);
END $$;
