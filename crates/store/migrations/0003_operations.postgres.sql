-- Addresses are searched by how they begin, which is a range only where they sort by their bytes, as
-- they do on SQLite.
ALTER TABLE users ALTER COLUMN email_canonical TYPE TEXT COLLATE "C",
    ALTER COLUMN phone TYPE TEXT COLLATE "C";
-- Users deleted before there was a date for their erasure.
UPDATE users SET deleted_at = updated_at, purge_after = updated_at + INTERVAL '30 days'
    WHERE status = 'deleted';
