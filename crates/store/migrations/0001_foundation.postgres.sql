CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit_events is append-only'; END $$;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
FOR EACH ROW EXECUTE FUNCTION audit_events_append_only();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only();
-- A refresh changes no indexed column: room on the page makes it a heap-only update.
ALTER TABLE sessions SET (fillfactor = 80);
ALTER TABLE otp_requests SET (fillfactor = 80);
ALTER TABLE rate_limits SET (fillfactor = 70);
