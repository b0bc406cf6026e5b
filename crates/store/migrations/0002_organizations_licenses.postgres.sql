-- A claim, a release and a sighting change no indexed column: room on the page for them.
ALTER TABLE licenses SET (fillfactor = 80);
ALTER TABLE license_activations SET (fillfactor = 80);
-- Labels are searched by how they begin, which is a range only where they sort by their bytes, as
-- they do on SQLite.
ALTER TABLE licenses ALTER COLUMN label TYPE TEXT COLLATE "C";
