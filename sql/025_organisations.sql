-- Who belongs together: an organisation groups workspaces. A workspace is a row of account, as before: keys,
-- credit and usage are its own. What is here also says whether a workspace may be used at all.

CREATE TABLE organisation (
    organisation_id uuid PRIMARY KEY,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    operator   boolean NOT NULL DEFAULT false, -- its members operate the service
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz,
    closed_at  timestamptz
);
INSERT INTO organisation (organisation_id, name, operator, created_at)
SELECT account_id, name, operator, created_at FROM account;

ALTER TABLE account
    ADD organisation_id uuid REFERENCES organisation,
    ADD slug         text NOT NULL DEFAULT 'default' CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    ADD description  text CHECK (length(description) BETWEEN 1 AND 256),
    ADD state        text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'closed')),
    ADD state_reason text CHECK (length(state_reason) BETWEEN 1 AND 256),
    ADD state_at     timestamptz,
    ADD created_by   uuid, -- app_user, when a user made it
    ADD updated_at   timestamptz;
UPDATE account SET organisation_id = account_id;
ALTER TABLE account ALTER organisation_id SET NOT NULL;
CREATE INDEX account_by_organisation ON account (organisation_id, created_at);
CREATE INDEX account_by_age ON account (created_at, account_id); -- the operator's list

-- An account that is made alone (by --bootstrap, by POST /accounts, by the former release) is an organisation
-- of its own, of the same id.
CREATE FUNCTION account_organisation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.organisation_id IS NULL THEN
        INSERT INTO organisation (organisation_id, name, operator)
        VALUES (NEW.account_id, NEW.name, NEW.operator) ON CONFLICT DO NOTHING;
        NEW.organisation_id := NEW.account_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_organisation BEFORE INSERT ON account
    FOR EACH ROW EXECUTE FUNCTION account_organisation();

-- --- the state of an account, at each of its keys

-- Keys learn whether their account is active as they learn the version of its own provider keys (023): a
-- change is a change of the key's rules, which every data plane hears of within a second.
ALTER TABLE api_key ADD account_active boolean NOT NULL DEFAULT true;

-- For a data plane, of whatever release, a key of an account that is not active is a disabled key.
CREATE OR REPLACE FUNCTION key_refusal(k api_key) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN k.key_id IS NULL OR k.deleted_at IS NOT NULL OR k.role <> 'inference' THEN 'unknown'
        WHEN k.disabled OR NOT k.account_active THEN 'disabled'
        WHEN k.expires_at <= ledger_now() THEN 'expired' END
$$;

-- Runs after api_key_version (triggers run in the order of their names), which keeps the version of a row
-- whose other rules have not changed.
CREATE FUNCTION api_key_version_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.account_active <> OLD.account_active AND NEW.version = OLD.version THEN
        NEW.version := greatest(OLD.version + 1,
                                (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_key_version_account BEFORE UPDATE ON api_key
    FOR EACH ROW EXECUTE FUNCTION api_key_version_account();

-- A key made beside a suspension waits for it, or the suspension for the key.
CREATE FUNCTION api_key_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM account WHERE account_id = NEW.account_id FOR NO KEY UPDATE;
    SELECT state = 'active' INTO NEW.account_active FROM account WHERE account_id = NEW.account_id;
    RETURN NEW;
END $$;
CREATE TRIGGER api_key_account BEFORE INSERT ON api_key FOR EACH ROW EXECUTE FUNCTION api_key_account();

CREATE FUNCTION account_state_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.state = 'active') <> (OLD.state = 'active') THEN
        UPDATE api_key SET account_active = (NEW.state = 'active')
        WHERE account_id = NEW.account_id AND deleted_at IS NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER account_state_changed AFTER UPDATE ON account
    FOR EACH ROW EXECUTE FUNCTION account_state_changed();

-- outcome: ok (also when it is so already); unknown; operator (the operator's own account stays active);
-- closed (what is closed stays closed).
CREATE FUNCTION account_set_state(p_account uuid, p_state text, p_reason text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    a account;
BEGIN
    SELECT * INTO a FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    IF a.account_id IS NULL THEN
        RETURN 'unknown';
    ELSIF a.operator AND p_state <> 'active' THEN
        RETURN 'operator';
    ELSIF a.state = 'closed' AND p_state <> 'closed' THEN
        RETURN 'closed';
    ELSIF a.state <> p_state OR a.state_reason IS DISTINCT FROM p_reason THEN
        UPDATE account SET state = p_state, state_reason = p_reason, updated_at = ledger_now(),
            state_at = CASE WHEN a.state = p_state THEN state_at ELSE ledger_now() END
        WHERE account_id = p_account;
    END IF;
    RETURN 'ok';
END $$;

-- --- the last management key

-- Each account keeps a key that manages it, and the operator's a key that operates: whoever deletes, disables
-- or lets expire the last one is refused with SQLSTATE TR001, whatever statement it is. Two that take away
-- each other's key at once wait for each other here; the second sees what the first has done. An advisory lock,
-- because the key's row is held already, and the account's row, which comes before it, may be somebody's who
-- waits for the key's.
CREATE FUNCTION key_manages(k api_key) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT k.role <> 'inference' AND k.deleted_at IS NULL AND NOT k.disabled
           AND (k.expires_at IS NULL OR k.expires_at > ledger_now())
$$;
CREATE FUNCTION api_key_last() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT key_manages(OLD) OR NEW.role <> OLD.role -- which nothing of ours changes
       OR (key_manages(NEW) AND (NEW.expires_at IS NULL OR OLD.expires_at IS NOT NULL)) THEN
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(7310852, hashtext(NEW.account_id::text));
    IF NOT EXISTS (SELECT 1 FROM api_key k WHERE k.account_id = NEW.account_id AND k.key_id <> NEW.key_id
                   AND key_manages(k) AND (k.role = 'operator' OR OLD.role <> 'operator')) THEN
        RAISE EXCEPTION 'the last management key' USING ERRCODE = 'TR001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_key_last BEFORE UPDATE ON api_key FOR EACH ROW EXECUTE FUNCTION api_key_last();

-- --- as the API shows them

-- A workspace in OpenRouter's members; what does not exist here is null or false.
CREATE FUNCTION workspace_object(a account) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'id', a.account_id, 'name', a.name, 'slug', a.slug, 'description', a.description,
        'organization_id', a.organisation_id, 'state', a.state, 'state_reason', a.state_reason,
        'default_text_model', NULL, 'default_image_model', NULL, 'default_provider_sort', NULL,
        'is_data_discount_logging_enabled', false, 'is_observability_broadcast_enabled', false,
        'is_observability_io_logging_enabled', false, 'io_logging_api_key_ids', NULL,
        'io_logging_sampling_rate', 0, 'created_by', a.created_by,
        'created_at', utc_text(a.created_at), 'updated_at', utc_text(a.updated_at))
$$;

-- An account as operators see it.
CREATE FUNCTION account_object(a account) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'id', a.account_id, 'name', a.name, 'organization_id', a.organisation_id,
        'organization_name', (SELECT o.name FROM organisation o WHERE o.organisation_id = a.organisation_id),
        'operator', a.operator, 'state', a.state, 'state_reason', a.state_reason,
        'state_at', utc_text(a.state_at), 'created_at', utc_text(a.created_at),
        'updated_at', utc_text(a.updated_at),
        'available', usd((SELECT sum(balance_nusd)::bigint FROM ledger_account
                          WHERE owner = a.account_id AND kind = 'available')),
        'leased', usd((SELECT sum(balance_nusd)::bigint FROM ledger_account
                       WHERE owner = a.account_id AND kind = 'leased')),
        'total_usage', usd((SELECT coalesce(sum(billed_nusd), 0)::bigint FROM key_total
                            WHERE account_id = a.account_id)),
        'keys', (SELECT count(*) FROM api_key
                 WHERE account_id = a.account_id AND deleted_at IS NULL))
$$;

-- The accounts that an operator looks for, newest first. p_q: part of a name, or the beginning of an id. p_at, p_id:
-- the last one of the page before, by its time in microseconds and its id; o_at and o_id are those of this page.
CREATE FUNCTION account_page(p_q text, p_state text, p_at bigint, p_id uuid, p_limit bigint, OUT o_rows json,
                             OUT o_more boolean, OUT o_at bigint, OUT o_id uuid)
LANGUAGE sql STABLE AS $$
    WITH found AS (
        SELECT a, a.account_id, a.created_at,
               row_number() OVER (ORDER BY a.created_at DESC, a.account_id DESC) AS n
        FROM account a
        WHERE (p_state IS NULL OR a.state = p_state)
          AND (p_q IS NULL OR strpos(lower(a.name), lower(p_q)) > 0
               OR starts_with(a.account_id::text, lower(p_q))
               OR starts_with(a.organisation_id::text, lower(p_q)))
          AND (p_at IS NULL OR (a.created_at, a.account_id) <
               ('epoch'::timestamptz + p_at * interval '1 microsecond', p_id))
        ORDER BY a.created_at DESC, a.account_id DESC LIMIT p_limit + 1)
    SELECT coalesce(json_agg(account_object(a) ORDER BY n) FILTER (WHERE n <= p_limit), '[]'),
           count(*) > p_limit,
           (extract(epoch FROM (array_agg(created_at ORDER BY n))[least(p_limit, count(*))]) * 1000000)::bigint,
           (array_agg(account_id ORDER BY n))[least(p_limit, count(*))]
    FROM found
$$;

-- --- workspaces of an organisation

-- outcome: ok; slug (another workspace has it); limit.
CREATE FUNCTION workspace_create(p_account uuid, p_organisation uuid, p_name text, p_slug text,
                                 p_description text, p_user uuid)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM organisation WHERE organisation_id = p_organisation FOR NO KEY UPDATE;
    IF EXISTS (SELECT 1 FROM account WHERE organisation_id = p_organisation AND slug = p_slug
               AND state <> 'closed') THEN
        RETURN 'slug';
    ELSIF (SELECT count(*) FROM account WHERE organisation_id = p_organisation AND state <> 'closed') >= 100 THEN
        RETURN 'limit';
    END IF;
    INSERT INTO account (account_id, organisation_id, name, slug, description, created_by)
    VALUES (p_account, p_organisation, p_name, p_slug, p_description, p_user);
    RETURN 'ok';
END $$;

-- NULL leaves a column as it is; a description, which may become NULL, has a flag. outcome: ok; unknown; slug.
CREATE FUNCTION workspace_change(p_account uuid, p_organisation uuid, p_name text, p_slug text,
                                 p_describe boolean, p_description text)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM organisation WHERE organisation_id = p_organisation FOR NO KEY UPDATE;
    IF EXISTS (SELECT 1 FROM account WHERE organisation_id = p_organisation AND slug = p_slug
               AND state <> 'closed' AND account_id <> p_account) THEN
        RETURN 'slug';
    END IF;
    UPDATE account SET name = coalesce(p_name, name), slug = coalesce(p_slug, slug),
        description = CASE WHEN p_describe THEN p_description ELSE description END,
        updated_at = ledger_now()
    WHERE account_id = p_account AND organisation_id = p_organisation AND state <> 'closed';
    RETURN CASE WHEN FOUND THEN 'ok' ELSE 'unknown' END;
END $$;

-- outcome: ok; unknown; last (an organisation keeps one); credit (it still has some: move it first).
CREATE FUNCTION workspace_close(p_account uuid, p_organisation uuid)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM organisation WHERE organisation_id = p_organisation FOR NO KEY UPDATE;
    PERFORM 1 FROM account WHERE account_id = p_account AND organisation_id = p_organisation
        AND state <> 'closed' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    ELSIF NOT EXISTS (SELECT 1 FROM account WHERE organisation_id = p_organisation
                      AND account_id <> p_account AND state <> 'closed') THEN
        RETURN 'last';
    ELSIF EXISTS (SELECT 1 FROM ledger_account WHERE owner = p_account AND kind IN ('available', 'leased')
                  AND balance_nusd > 0) THEN
        RETURN 'credit';
    ELSIF EXISTS (SELECT 1 FROM ledger_account WHERE owner = p_account AND kind = 'owed' AND balance_nusd < 0) THEN
        RETURN 'owes';
    ELSIF EXISTS (SELECT 1 FROM payment WHERE account_id = p_account AND kind <> 'setup'
                  AND state IN ('claimed', 'open', 'processing')) THEN -- (039) its credits are still to come
        RETURN 'payment';
    END IF;
    RETURN account_set_state(p_account, 'closed', 'closed by its organisation');
END $$;

-- Closes every workspace. Credit that is left stays in the books for the operator to pay back. outcome: ok;
-- operator; unknown (closed already).
CREATE FUNCTION organisation_close(p_organisation uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    o organisation;
BEGIN
    SELECT * INTO o FROM organisation WHERE organisation_id = p_organisation FOR NO KEY UPDATE;
    IF o.operator THEN
        RETURN 'operator';
    ELSIF o.organisation_id IS NULL OR o.closed_at IS NOT NULL THEN
        RETURN 'unknown';
    END IF;
    PERFORM account_set_state(account_id, 'closed', 'closed by its organisation')
    FROM (SELECT account_id FROM account WHERE organisation_id = p_organisation AND state <> 'closed'
          ORDER BY account_id) a;
    UPDATE organisation SET closed_at = ledger_now(), updated_at = ledger_now()
    WHERE organisation_id = p_organisation;
    RETURN 'ok';
END $$;
