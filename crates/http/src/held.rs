//! Something that is held until an answer has been handed over whole, not only its head.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

/// A body and what is given back at its end.
struct Held<G> {
    body: Body,
    held: Option<G>,
}

/// Holds `held` until the body has ended, failed or been given up.
pub(crate) fn until_end<G: Send + Unpin + 'static>(response: Response, held: G) -> Response {
    response.map(|body| {
        Body::new(Held {
            body,
            held: Some(held),
        })
    })
}

impl<G: Unpin> HttpBody for Held<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.held = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
