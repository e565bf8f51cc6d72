-- A file counts again when an instance goes back to it: it counted before the one that this instance started with last.
-- Going on to a file that another instance has brought changes nothing, because that one counted later.
CREATE OR REPLACE FUNCTION file_saw(p_kind text, p_sha256 bytea) RETURNS void LANGUAGE sql AS
    'INSERT INTO file_seen (kind, sha256) VALUES (p_kind, p_sha256)
     ON CONFLICT (kind, sha256) DO UPDATE SET seen_at = clock_timestamp()';

-- p_former: of the file at this instance's last start; NULL: not known.
CREATE FUNCTION file_is_seen(p_kind text, p_sha256 bytea, p_former bytea) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM file_seen n WHERE n.kind = p_kind AND n.sha256 = p_sha256 AND NOT EXISTS (
        SELECT 1 FROM file_seen f WHERE f.kind = p_kind AND f.sha256 = p_former AND f.seen_at > n.seen_at))
$$;
