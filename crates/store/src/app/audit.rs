//! Audit events of an app.

use doorward_domain::UserId;
use doorward_domain::audit::{AuditEvent, ContactRef};

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

    /// What was noted of an address while it was nobody's is this user's from now on: it is erased
    /// with the person, even when the address has changed by then. At most 1,000 events.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn claim_personal(
        &mut self,
        user_id: UserId,
        contact_ref: &ContactRef,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE audit_personal SET user_id = $2 WHERE app_id = $1 \
             AND event_id IN (SELECT event_id FROM audit_personal WHERE app_id = $1 \
             AND contact_ref = $3 AND user_id IS NULL LIMIT 1000)";
        let params = [self.app_id.into(), user_id.into(), contact_ref.into()];
        self.connection.defer(SQL, &params)
    }
}
