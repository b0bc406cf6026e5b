-- Alarms are told to each destination by itself. Expand only: version 4 runs beside it.

-- Who was told of the alarm that was raised at `told_of` (`webhook`, `email`, divided by commas). It counts
-- only where that is `raised_at`: a node of the version before raises an alarm anew without clearing it.
ALTER TABLE sms_alarms ADD COLUMN told TEXT;
ALTER TABLE sms_alarms ADD COLUMN told_of TIMESTAMPTZ;
