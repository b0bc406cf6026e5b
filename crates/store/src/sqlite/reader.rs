//! A reader: each job sees one snapshot, and the engine refuses its writes.

use super::error;
use super::open::open;
use super::options::Options;
use super::session::Session;
use crate::error::StoreError;
use crate::port::{Access, Verdict};
use crate::queue::{Jobs, Telemetry};

pub(super) struct Reader {
    options: Options,
    jobs: Jobs,
    session: Option<Session>,
    telemetry: Telemetry,
}

impl Reader {
    pub(super) fn new(
        options: Options,
        jobs: Jobs,
        connection: rusqlite::Connection,
        telemetry: Telemetry,
    ) -> Self {
        Self {
            options,
            jobs,
            session: Some(Session::new(connection, Access::Read)),
            telemetry,
        }
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(queued) = self.jobs.wait() {
            let Some(mut queued) = queued.unless_abandoned() else {
                continue;
            };
            let began = self.telemetry.began(&queued);
            let mut attempt = 0;
            let outcome = loop {
                match self.attempt(&mut *queued.job) {
                    Err(StoreError::Contention) if attempt < self.options.busy_retries => {
                        attempt += 1;
                        self.telemetry.retried();
                    }
                    outcome => break outcome,
                }
            };
            self.telemetry.ended(began, 1);
            queued.job.finish(outcome);
        }
    }

    fn attempt(&mut self, job: &mut dyn crate::port::Job) -> Result<(), StoreError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::new(open(&self.options, Access::Read)?, Access::Read),
        };
        let outcome = match session.control("BEGIN") {
            Ok(()) => {
                let ran = session.run(job);
                match ran.failure {
                    // Seen whatever the job made of it, so that it is tried again.
                    Some(StoreError::Contention) => Err(StoreError::Contention),
                    _ if ran.verdict == Verdict::Rollback => ran.own,
                    _ => session
                        .control("COMMIT")
                        .map_err(|error| error::translate(&error, Access::Read)),
                }
            }
            Err(error) => Err(error::translate(&error, Access::Read)),
        };
        session.abort();
        if !session.is_broken() {
            self.session = Some(session);
        }
        outcome
    }
}
