-- Reads a text as JSON where it is JSON. `metadata` of spans is often an object in a text, which filters look into; a cast
-- would fail the whole statement over one text that is none.
CREATE FUNCTION jsonb_or_null(value TEXT) RETURNS JSONB LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN value::JSONB;
EXCEPTION WHEN data_exception OR statement_too_complex OR program_limit_exceeded THEN
    RETURN NULL;
END
$$;
