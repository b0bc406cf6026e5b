//! A job that keeps its thread until it is let go, so that others pile up behind it.

use std::sync::mpsc;

use doorward_store::{BoxFuture, StoreError};

use super::Raw;

/// The job, running.
pub(crate) struct Hold {
    go: mpsc::Sender<()>,
    done: BoxFuture<'static, Result<(), StoreError>>,
}

impl Hold {
    /// Occupies a writer; returns once it runs.
    pub(crate) async fn writer(raw: &Raw) -> Self {
        let (go, wait) = mpsc::channel::<()>();
        let (running, started) = tokio::sync::oneshot::channel();
        let mut running = Some(running);
        let done = raw.write(move |_| {
            // Only the first time: a job may be run again.
            if let Some(running) = running.take() {
                let _ = running.send(());
                // Also ends when the test has failed and dropped its end.
                let _ = wait.recv();
            }
            Ok(())
        });
        started.await.expect("the job runs");
        Self { go, done }
    }

    /// Lets it go.
    pub(crate) async fn release(self) {
        self.go.send(()).expect("the job waits");
        self.done.await.expect("holding fails not");
    }
}
