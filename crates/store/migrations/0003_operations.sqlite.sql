-- Users deleted before there was a date for their erasure.
UPDATE users SET deleted_at = updated_at, purge_after = updated_at + 2592000000000
    WHERE status = 'deleted';
