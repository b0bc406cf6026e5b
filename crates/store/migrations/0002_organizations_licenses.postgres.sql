-- A claim, a release and a sighting change no indexed column: room on the page for them.
ALTER TABLE licenses SET (fillfactor = 80);
ALTER TABLE license_activations SET (fillfactor = 80);
