-- The budget of a key as GET /key shows it to OpenRouter's clients: its own limit, over the window that
-- key_spend counts. NULL: the key has no limit.
CREATE FUNCTION key_budget(k api_key, p_window_nusd bigint) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'budget_id', NULL, 'guardrail_id', NULL, 'include_byok', false, 'scope', 'key_limit',
        'limit_usd', usd(k.limit_nusd), 'spend_usd', usd(p_window_nusd),
        'remaining_usd', usd(k.limit_nusd - p_window_nusd),
        'reset_interval', nullif(k.limit_reset, 'none'),
        'resets_at', utc_text(CASE k.limit_reset
            WHEN 'daily' THEN date_trunc('day', n.utc) + interval '1 day'
            WHEN 'weekly' THEN date_trunc('week', n.utc) + interval '1 week'
            WHEN 'monthly' THEN date_trunc('month', n.utc) + interval '1 month' END AT TIME ZONE 'UTC'))
    FROM (SELECT ledger_now() AT TIME ZONE 'UTC' AS utc) n WHERE k.limit_nusd IS NOT NULL
$$;
