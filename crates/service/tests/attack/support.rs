//! What the attacks share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use doorward_domain::otp::Purpose;
use doorward_domain::secret::SecretText;
use doorward_domain::{OsRandom, OtpRequestId, SecureRandom, UserId};
use doorward_service::Result;
use doorward_service::otp::{SendOtp, VerifyOtp};
use doorward_testkit::platform::contact;

pub(crate) fn to(address: &str, purpose: Purpose, user_id: Option<UserId>) -> SendOtp {
    SendOtp {
        contact: contact(address),
        purpose,
        user_id,
        client_ip: None,
        language: None,
    }
}

pub(crate) fn with(id: OtpRequestId, code: &str, purpose: Purpose) -> VerifyOtp {
    VerifyOtp {
        otp_request_id: id,
        code: SecretText::new(code),
        purpose,
        client_ip: None,
        tenant_id: None,
    }
}

pub(crate) fn code<T>(result: Result<T>) -> Option<doorward_domain::Code> {
    result.err().map(|error| error.code())
}

/// Randomness that stops whoever asks for it the `stop_at`-th time, inside a transaction, until it
/// is told to go on.
pub(crate) struct Stopping {
    asked: AtomicUsize,
    stop_at: usize,
    reached: Mutex<Sender<()>>,
    go: Mutex<Receiver<()>>,
}

/// The other end.
pub(crate) struct Handle {
    pub(crate) reached: Receiver<()>,
    pub(crate) go: Sender<()>,
}

impl Stopping {
    pub(crate) fn at(stop_at: usize) -> (Arc<Self>, Handle) {
        let (reached_tx, reached) = channel();
        let (go, go_rx) = channel();
        let stopping = Arc::new(Self {
            asked: AtomicUsize::new(0),
            stop_at,
            reached: Mutex::new(reached_tx),
            go: Mutex::new(go_rx),
        });
        (stopping, Handle { reached, go })
    }
}

impl SecureRandom for Stopping {
    fn fill(&self, out: &mut [u8]) {
        if self.asked.fetch_add(1, Ordering::SeqCst) + 1 == self.stop_at {
            self.reached.lock().unwrap().send(()).unwrap();
            self.go.lock().unwrap().recv().unwrap();
        }
        OsRandom.fill(out);
    }
}
