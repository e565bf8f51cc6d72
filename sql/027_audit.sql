-- The audit trail: one entry for each row of an audited table that a statement wrote: who did it, in which request,
-- what was there before and what is there now. Entries are only ever added. Those of one workspace, of one
-- organisation and of the operator form a chain each: every entry names the SHA-256 of the one before it, so
-- nobody who kept an entry's hash can be shown another past (docs/operations.md says what that is worth).
--
-- An entry is its line: one line of JSON, stored and exported as the same bytes. Its hash is the SHA-256 of these
-- bytes; "prev_hash" in the line is the hash of the line before, 64 zeros in the first.
--
-- The actor and the request arrive as settings of the transaction (tr.actor, tr.request; controlplane/db). A
-- statement without them was sent by the control plane itself or by a person: the actor is then the database's role.

-- account_id: the workspace or the organisation that the chain belongs to; zeros: the operator's.
CREATE TABLE audit_head (
    account_id uuid NOT NULL,
    scope      text NOT NULL CHECK (scope IN ('workspace', 'organisation', 'operator')),
    seq        bigint NOT NULL CHECK (seq >= 0),
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (account_id, scope)
);

CREATE TABLE audit_entry (
    account_id uuid NOT NULL,
    scope      text NOT NULL,
    seq        bigint NOT NULL CHECK (seq > 0), -- without gaps
    at         timestamptz NOT NULL,
    action     text NOT NULL, -- table.insert, .update or .delete
    line       text NOT NULL CHECK (position(E'\n' IN line) = 0),
    hash       bytea NOT NULL CHECK (hash = sha256(convert_to(line, 'UTF8'))),
    PRIMARY KEY (account_id, scope, seq),
    FOREIGN KEY (account_id, scope) REFERENCES audit_head
);
CREATE INDEX audit_entry_by_time ON audit_entry (account_id, scope, at);
CREATE TRIGGER audit_entry_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The values of a row that people may read. Of a hidden column only whether there is a value.
CREATE FUNCTION audit_shown(p_row jsonb, p_hidden text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_object_agg(key, CASE WHEN value = 'null' THEN value
                                      WHEN key = ANY (p_hidden) THEN '"(not shown)"'
                                      WHEN key = 'digest' THEN to_jsonb(substr(value #>> '{}', 3))
                                      ELSE value END)
    FROM jsonb_each(p_row)
$$;

-- What a statement did to one row. Arguments: the columns that name the row, those whose values are not shown, and
-- those that the database keeps by itself: a change of nothing else makes no entry.
CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was  jsonb := to_jsonb(OLD);
    will jsonb := to_jsonb(NEW);
    one  jsonb := coalesce(will, was);
    changed text[];
    v_scope text := CASE WHEN one ? 'account_id' THEN 'workspace'
                         WHEN one ? 'organisation_id' THEN 'organisation' ELSE 'operator' END;
    v_whose uuid := CASE v_scope WHEN 'workspace' THEN one ->> 'account_id'
                                 WHEN 'organisation' THEN one ->> 'organisation_id'
                                 ELSE '00000000-0000-0000-0000-000000000000' END;
    v_action text := TG_TABLE_NAME || '.' || lower(TG_OP);
    v_at timestamptz := clock_timestamp();
    head audit_head;
    v_line text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(key) INTO changed FROM jsonb_each(will)
        WHERE value IS DISTINCT FROM was -> key AND NOT key = ANY (TG_ARGV[2]::text[]);
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    -- The chain's row is the last lock that a transaction takes (the triggers are deferred), so that writers who
    -- wait for each other here wait for nothing else.
    INSERT INTO audit_head AS h VALUES (coalesce(v_whose, '00000000-0000-0000-0000-000000000000'),
        CASE WHEN v_whose IS NULL THEN 'operator' ELSE v_scope END, 1, decode(repeat('00', 32), 'hex'))
    ON CONFLICT (account_id, scope) DO UPDATE SET seq = h.seq + 1 RETURNING * INTO head;
    v_line := jsonb_build_object(
        'seq', head.seq, 'at', utc_text(v_at), 'action', v_action,
        'actor', coalesce(nullif(current_setting('tr.actor', true), ''), 'database:' || session_user),
        'request', nullif(current_setting('tr.request', true), ''),
        'scope', head.scope, head.scope || '_id', head.account_id,
        'target', audit_shown((SELECT jsonb_object_agg(key, value) FROM jsonb_each(one)
                               WHERE key = ANY (TG_ARGV[0]::text[])), '{}'),
        'before', audit_shown(CASE WHEN changed IS NULL THEN was
            ELSE (SELECT jsonb_object_agg(key, value) FROM jsonb_each(was) WHERE key = ANY (changed)) END,
            TG_ARGV[1]::text[]),
        'after', audit_shown(CASE WHEN changed IS NULL THEN will
            ELSE (SELECT jsonb_object_agg(key, value) FROM jsonb_each(will) WHERE key = ANY (changed)) END,
            TG_ARGV[1]::text[]),
        'prev_hash', encode(head.hash, 'hex'))::text;
    INSERT INTO audit_entry VALUES (head.account_id, head.scope, head.seq, v_at, v_action, v_line,
                                    sha256(convert_to(v_line, 'UTF8')));
    UPDATE audit_head SET hash = sha256(convert_to(v_line, 'UTF8'))
    WHERE account_id = head.account_id AND scope = head.scope;
    RETURN NULL;
END $$;

-- From now on every write of this table's rows is in the trail. p_hidden: columns whose values are never shown,
-- beside all whose type or name says that they hold a secret or a person's address. p_ignored: columns that
-- the database keeps by itself. Again: with these columns instead. Not for tables that requests of models write.
CREATE FUNCTION audit_on(p_table regclass, p_hidden text[] DEFAULT '{}', p_ignored text[] DEFAULT '{}')
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    names text[];
    hidden text[];
    kept text[] := p_ignored || '{updated_at,last_used_at,last_seen_at}'::text[];
    room text;
    name text;
BEGIN
    SELECT n.nspname, c.relname INTO room, name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = p_table;
    SELECT coalesce(array_agg(a.attname::text), '{}') INTO names
    FROM pg_attribute a
    WHERE a.attrelid = p_table AND a.attnum > 0 AND NOT a.attisdropped
      AND ((a.attname = 'digest' AND NOT 'digest' = ANY (p_hidden)) OR EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = p_table
                                           AND i.indisprimary AND a.attnum = ANY (i.indkey)));
    SELECT p_hidden || coalesce(array_agg(a.attname::text), '{}') INTO hidden
    FROM pg_attribute a
    WHERE a.attrelid = p_table AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'digest'
      AND (a.atttypid = 'bytea'::regtype
           OR a.attname ~ '(secret|passw|sealed|cipher|envelop|private|e?mail|address|phone)'
           OR a.attname ~ '(^|_)(token|password)($|_)');
    EXECUTE format('DROP TRIGGER IF EXISTS audit ON %I.%I', room, name);
    EXECUTE format('CREATE CONSTRAINT TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %I.%I'
                   ' DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_row(%L, %L, %L)',
                   room, name, names, hidden, kept);
END $$;

SELECT audit_on('account');
SELECT audit_on('api_key', '{}', '{version,byok_version,account_active}');
SELECT audit_on('byok_key', '{seal_id}');

-- Does every entry follow from the one before, from the first to the head? o_bad: the first entry that is not what
-- its place in the chain says (missing, changed, or not the one that the next one names); NULL: the chain is whole.
-- p_seq and p_hash: an entry that somebody noted down; o_noted says whether it is still the same.
CREATE FUNCTION audit_verify(p_account uuid, p_scope text, p_seq bigint DEFAULT NULL, p_hash bytea DEFAULT NULL,
                             OUT o_entries bigint, OUT o_hash bytea, OUT o_bad bigint, OUT o_noted boolean)
LANGUAGE sql STABLE AS $$
    WITH head AS (
        SELECT coalesce(max(seq), 0) AS seq, coalesce(max(encode(hash, 'hex')), repeat('0', 64)) AS hash
        FROM audit_head WHERE account_id = p_account AND scope = p_scope
    ), entry AS (
        SELECT seq, line, encode(hash, 'hex') AS hash, encode(sha256(convert_to(line, 'UTF8')), 'hex') AS real,
               lag(seq, 1, 0::bigint) OVER w AS seq_before,
               lag(encode(hash, 'hex'), 1, repeat('0', 64)) OVER w AS hash_before
        FROM audit_entry WHERE account_id = p_account AND scope = p_scope WINDOW w AS (ORDER BY seq)
    ), bad AS (
        SELECT least(seq, seq_before + 1) AS seq FROM entry
        WHERE seq <> seq_before + 1 OR hash <> real
           OR position('"prev_hash": "' || hash_before || '"' IN line) = 0 OR position('"seq": ' || seq IN line) = 0
        UNION ALL
        SELECT e.seq + 1 FROM head, (SELECT coalesce(max(seq), 0) AS seq FROM entry) e WHERE head.seq <> e.seq
        UNION ALL
        SELECT e.seq FROM head JOIN entry e USING (seq) WHERE head.hash <> e.hash
    )
    SELECT (SELECT count(*) FROM entry), decode(head.hash, 'hex'), (SELECT min(seq) FROM bad),
           CASE WHEN p_seq IS NOT NULL THEN
               EXISTS (SELECT 1 FROM entry WHERE seq = p_seq AND hash = encode(p_hash, 'hex')) END
    FROM head
$$;
