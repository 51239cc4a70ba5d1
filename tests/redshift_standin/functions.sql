-- What Redshift has and PostgreSQL has not, or has otherwise. `redshift` stands before pg_catalog in the search path.
CREATE SCHEMA redshift;

CREATE FUNCTION redshift.getdate() RETURNS timestamp LANGUAGE sql STABLE AS
$$SELECT statement_timestamp() AT TIME ZONE 'UTC'$$;

CREATE FUNCTION redshift.datediff(unit text, a timestamp, b timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
SELECT CASE unit
    WHEN 'year' THEN extract(year FROM b) - extract(year FROM a)
    WHEN 'quarter' THEN (extract(year FROM b) - extract(year FROM a)) * 4 + extract(quarter FROM b) - extract(quarter FROM a)
    WHEN 'month' THEN (extract(year FROM b) - extract(year FROM a)) * 12 + extract(month FROM b) - extract(month FROM a)
    WHEN 'week' THEN extract(epoch FROM date_trunc('week', b) - date_trunc('week', a)) / 604800
    WHEN 'day' THEN b::date - a::date
    WHEN 'hour' THEN extract(epoch FROM date_trunc('hour', b) - date_trunc('hour', a)) / 3600
    WHEN 'minute' THEN extract(epoch FROM date_trunc('minute', b) - date_trunc('minute', a)) / 60
    WHEN 'second' THEN extract(epoch FROM date_trunc('second', b) - date_trunc('second', a))
    WHEN 'millisecond' THEN extract(epoch FROM date_trunc('millisecond', b) - date_trunc('millisecond', a)) * 1000
    WHEN 'microsecond' THEN extract(epoch FROM b - a) * 1000000
END::bigint$$;

CREATE FUNCTION redshift.dateadd(unit text, n bigint, a timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
SELECT a + n * CASE unit
    WHEN 'year' THEN interval '1 year' WHEN 'quarter' THEN interval '3 months' WHEN 'month' THEN interval '1 month'
    WHEN 'week' THEN interval '7 days' WHEN 'day' THEN interval '1 day' WHEN 'hour' THEN interval '1 hour'
    WHEN 'minute' THEN interval '1 minute' WHEN 'second' THEN interval '1 second'
    WHEN 'millisecond' THEN interval '1 millisecond' WHEN 'microsecond' THEN interval '1 microsecond'
END$$;

-- PostgreSQL would take a date for a timestamp with time zone.
CREATE FUNCTION redshift.date_trunc(unit text, a date) RETURNS timestamp LANGUAGE sql IMMUTABLE AS
$$SELECT pg_catalog.date_trunc(unit, a::timestamp)$$;

CREATE FUNCTION redshift.last_day(a timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS
$$SELECT (pg_catalog.date_trunc('month', a) + interval '1 month' - interval '1 day')::date$$;

CREATE FUNCTION redshift.convert_timezone(source text, target text, a timestamp) RETURNS timestamp LANGUAGE sql
IMMUTABLE AS $$SELECT a AT TIME ZONE source AT TIME ZONE target$$;

CREATE FUNCTION redshift.strtol(digits text, base integer) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF base = 16 THEN RETURN ('0x' || digits)::bigint; END IF;
    IF base = 10 THEN RETURN digits::bigint; END IF;
    IF base = 8 THEN RETURN ('0o' || digits)::bigint; END IF;
    IF base = 2 THEN RETURN ('0b' || digits)::bigint; END IF;
    RAISE feature_not_supported USING MESSAGE = 'the stand-in has STRTOL with base 2, 8, 10 and 16';
END$$;

CREATE FUNCTION redshift.held(a text) RETURNS text LANGUAGE plpgsql STABLE STRICT AS $$BEGIN RETURN a; END$$;

-- No match gives '', not NULL.
CREATE FUNCTION redshift.regexp_substr(a text, pattern text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT coalesce(pg_catalog.regexp_substr(a, pattern), '')$$;

CREATE FUNCTION redshift.round(a double precision, n integer) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT pg_catalog.round(a::numeric, n)::double precision$$;

-- AVG of whole numbers is a whole number.
CREATE FUNCTION redshift.avg_whole(total numeric[]) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN total[2] > 0 THEN trunc(total[1] / total[2])::bigint END$$;
CREATE FUNCTION redshift.avg_add(total numeric[], a bigint) RETURNS numeric[] LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT ARRAY[total[1] + a, total[2] + 1]$$;
CREATE AGGREGATE redshift.avg(bigint) (SFUNC = redshift.avg_add, STYPE = numeric[], INITCOND = '{0,0}',
    FINALFUNC = redshift.avg_whole);
CREATE FUNCTION redshift.avg_add(total numeric[], a integer) RETURNS numeric[] LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT ARRAY[total[1] + a, total[2] + 1]$$;
CREATE AGGREGATE redshift.avg(integer) (SFUNC = redshift.avg_add, STYPE = numeric[], INITCOND = '{0,0}',
    FINALFUNC = redshift.avg_whole);
CREATE FUNCTION redshift.avg_add(total numeric[], a smallint) RETURNS numeric[] LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT ARRAY[total[1] + a, total[2] + 1]$$;
CREATE AGGREGATE redshift.avg(smallint) (SFUNC = redshift.avg_add, STYPE = numeric[], INITCOND = '{0,0}',
    FINALFUNC = redshift.avg_whole);

CREATE FUNCTION redshift.pg_last_copy_count() RETURNS bigint LANGUAGE sql STABLE AS
$$SELECT coalesce(nullif(current_setting('standin.copy_count', true), ''), '0')::bigint$$;
CREATE FUNCTION redshift.pg_last_query_id() RETURNS bigint LANGUAGE sql STABLE AS $$SELECT 1::bigint$$;

-- Redshift casts no boolean to text. The planner puts a function's body in its place and finds that it does not exist,
-- so that it is an error of the statement, whether or not there are rows.
SET check_function_bodies = off;
CREATE FUNCTION redshift.boolean_to_varchar(boolean) RETURNS varchar LANGUAGE sql IMMUTABLE AS
$$SELECT redshift.boolean_has_no_cast_to_text($1)$$;
CREATE FUNCTION redshift.boolean_to_text(boolean) RETURNS text LANGUAGE sql IMMUTABLE AS
$$SELECT redshift.boolean_has_no_cast_to_text($1)$$;
CREATE FUNCTION redshift.boolean_to_char(boolean) RETURNS bpchar LANGUAGE sql IMMUTABLE AS
$$SELECT redshift.boolean_has_no_cast_to_text($1)$$;
SET check_function_bodies = on;
UPDATE pg_cast SET castfunc = 'redshift.boolean_to_varchar'::regproc
WHERE castsource = 'boolean'::regtype AND casttarget = 'varchar'::regtype;
UPDATE pg_cast SET castfunc = 'redshift.boolean_to_text'::regproc
WHERE castsource = 'boolean'::regtype AND casttarget = 'text'::regtype;
UPDATE pg_cast SET castfunc = 'redshift.boolean_to_char'::regproc
WHERE castsource = 'boolean'::regtype AND casttarget = 'bpchar'::regtype;

-- VARCHAR(n) and CHAR(n) count bytes: every table that is made or altered gets a check of each such column. Its name
-- carries the length, and the front turns a violation into SQLSTATE 22001.
CREATE FUNCTION redshift.count_bytes() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    made record;
    clauses text;
BEGIN
    FOR made IN SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
        SELECT string_agg(format('DROP CONSTRAINT %I', c.conname), ', ') INTO clauses
        FROM pg_constraint AS c
        WHERE c.conrelid = made.objid AND c.contype = 'c' AND c.conname LIKE 'fits\_bytes\_%' AND NOT EXISTS (
            SELECT FROM pg_attribute AS a WHERE a.attrelid = made.objid AND NOT a.attisdropped AND a.atttypmod > 4
            AND c.conname = 'fits_bytes_' || a.attnum || '_' || a.atttypmod - 4
        );
        IF clauses IS NOT NULL THEN EXECUTE format('ALTER TABLE %s %s', made.objid::regclass, clauses); END IF;
        SELECT string_agg(format('ADD CONSTRAINT fits_bytes_%s_%s CHECK (octet_length(%I) <= %s)', a.attnum,
            a.atttypmod - 4, a.attname, a.atttypmod - 4), ', ') INTO clauses
        FROM pg_attribute AS a
        WHERE a.attrelid = made.objid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypmod > 4
        AND a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND NOT EXISTS (
            SELECT FROM pg_constraint AS c
            WHERE c.conrelid = made.objid AND c.conname = 'fits_bytes_' || a.attnum || '_' || a.atttypmod - 4
        );
        IF clauses IS NOT NULL THEN EXECUTE format('ALTER TABLE %s %s', made.objid::regclass, clauses); END IF;
    END LOOP;
END$$;
CREATE EVENT TRIGGER count_bytes ON ddl_command_end
WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
EXECUTE FUNCTION redshift.count_bytes();
