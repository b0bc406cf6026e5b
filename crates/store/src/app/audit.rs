//! Audit events of an app.

use doorward_domain::audit::AuditEvent;

use super::AppWrite;
use crate::error::StoreError;
use crate::platform::insert_event;

impl AppWrite<'_> {
    /// Writes an event in the transaction it describes.
    ///
    /// # Errors
    /// [`StoreError::Internal`] when the event names another app: a mistake of ours that must not
    /// end in somebody else's log.
    pub fn audit(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        if event.app_id != Some(self.app_id) {
            return Err(StoreError::Internal(format!(
                "an event of {:?} was written in the scope of {}",
                event.app_id, self.app_id
            )));
        }
        insert_event(self.connection, event)
    }
}
