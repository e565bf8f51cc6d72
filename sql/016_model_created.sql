-- A model whose entry in catalog.conf has no "created" was created when it was first added. EXCLUDED in
-- catalog_apply() is the row as this trigger leaves it, so an unchanged catalog stays unchanged.
CREATE FUNCTION model_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.created = 0 THEN
        NEW.created := coalesce((SELECT nullif(m.created, 0) FROM model m WHERE m.id = NEW.id),
                                extract(epoch FROM now())::bigint);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER model_created BEFORE INSERT ON model
    FOR EACH ROW EXECUTE FUNCTION model_created();
