-- A release is looked up by its measurements whenever a data plane boots, and an entry stays for ever: one
-- that cannot be read would stop every boot, so it does not get in.
CREATE FUNCTION log_release_readable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(convert_from(NEW.statement, 'UTF8')::jsonb -> 'measurements') IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'a release without measurements' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'a release that is no JSON' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER log_release_readable BEFORE INSERT ON log_entry
    FOR EACH ROW WHEN (NEW.kind = 'release') EXECUTE FUNCTION log_release_readable();
