-- How money and time are written for people: exact decimals of a dollar, RFC 3339 in UTC.

-- Multiplied, not divided: numeric multiplication is exact, division rounds to 16 digits.
CREATE FUNCTION usd(nusd numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    'SELECT trim_scale(nusd * 0.000000001)';

CREATE FUNCTION utc_text(at timestamptz) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
