//! Requests whose meaning depends on who reads them. A proxy and this server that disagree on where
//! a request ends, or for whom it is, can be made to take a part of one for another (request
//! smuggling); hyper refuses most of it and forgives the rest.

use axum::http::header::{HOST, HeaderMap, TRANSFER_ENCODING};
use axum::http::uri::Authority;
use axum::http::{Request, Version};

/// What is wrong with a request of HTTP/1, if anything.
pub(super) fn fault<B>(request: &Request<B>, two_framings: bool) -> Option<&'static str> {
    // HTTP/2 has frames, and hyper refuses connection-specific fields there (RFC 9113 §8.2.2).
    if request.version() > Version::HTTP_11 {
        return None;
    }
    if two_framings {
        return Some("both Content-Length and Transfer-Encoding");
    }
    let headers = request.headers();
    host(headers, request.version()).or_else(|| transfer_encoding(headers))
}

/// Exactly one that is a host (RFC 9112 §3.2); HTTP/1.0 may leave it out.
fn host(headers: &HeaderMap, version: Version) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => None,
        (Some(host), None) => match Authority::try_from(host.as_bytes()) {
            // A comma is what two of them look like when somebody joins them.
            Ok(authority) if !authority.as_str().contains(['@', ',']) => None,
            _ => Some("a Host that is none"),
        },
        _ => Some("not exactly one Host"),
    }
}

/// Once, and `chunked` alone: nothing else is understood (RFC 9112 §6.1).
fn transfer_encoding(headers: &HeaderMap) -> Option<&'static str> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => None,
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some("a Transfer-Encoding other than chunked"),
    }
}

/// Reads along while a head arrives, because hyper drops the `Content-Length` of a request that has
/// a `Transfer-Encoding` too. Pipelined heads are not seen here: hyper then goes by the
/// `Transfer-Encoding` alone and closes the connection, as RFC 9112 §6.1 allows.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// The beginning of the line, in lower case, up to its colon.
    name: Vec<u8>,
    past_name: bool,
    begun: bool,
    ended: bool,
    content_length: bool,
    transfer_encoding: bool,
}

impl HeadScan {
    const LONGEST: usize = "transfer-encoding".len();

    pub(super) fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.ended {
                return;
            }
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
                b':' if !self.past_name => {
                    self.content_length |= self.name == b"content-length";
                    self.transfer_encoding |= self.name == b"transfer-encoding";
                    self.past_name = true;
                }
                _ if self.past_name => {}
                _ => {
                    // One more than the longest: a longer name is none of them.
                    if self.name.len() <= Self::LONGEST {
                        self.name.push(byte.to_ascii_lowercase());
                    }
                }
            }
        }
    }

    fn end_line(&mut self) {
        let empty = self.name.is_empty() && !self.past_name;
        // Empty lines before the request line are overlooked (RFC 9112 §2.2).
        self.ended = empty && self.begun;
        self.begun |= !empty;
        self.name.clear();
        self.past_name = false;
    }

    /// Whether the head had both lengths; the next head begins.
    pub(super) fn take_two_framings(&mut self) -> bool {
        let both = self.content_length && self.transfer_encoding;
        self.name.clear();
        *self = Self {
            name: std::mem::take(&mut self.name),
            ..Self::default()
        };
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(version: Version, fields: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        fault(&request.body(()).unwrap(), false).is_none()
    }

    #[test]
    fn one_host_and_one_coding() {
        use Version as V;
        for good in [
            "x",
            "localhost:3000",
            "[::1]:3000",
            "auth.example.com",
            "127.0.0.1",
        ] {
            assert!(judge(V::HTTP_11, &[("host", good)]), "{good}");
        }
        for bad in ["", "a b", "u@h", "a,b", "a/b"] {
            assert!(!judge(V::HTTP_11, &[("host", bad)]), "{bad}");
        }
        assert!(!judge(V::HTTP_11, &[]));
        assert!(judge(V::HTTP_10, &[]) && judge(V::HTTP_2, &[]));
        for version in [V::HTTP_10, V::HTTP_11] {
            assert!(!judge(version, &[("host", "a"), ("host", "a")]));
        }
        let coded = |values: &[&str]| {
            let fields: Vec<_> = std::iter::once(("host", "x"))
                .chain(values.iter().map(|value| ("transfer-encoding", *value)))
                .collect();
            judge(V::HTTP_11, &fields)
        };
        assert!(coded(&["Chunked"]));
        for bad in [
            &["gzip, chunked"][..],
            &["chunked, chunked"],
            &["chunked", "chunked"],
            &["identity"],
            &["x"],
        ] {
            assert!(!coded(bad), "{bad:?}");
        }
    }

    fn both(text: &str, step: usize) -> bool {
        let mut scan = HeadScan::default();
        for part in text.as_bytes().chunks(step) {
            scan.read(part);
        }
        scan.take_two_framings()
    }

    #[test]
    fn both_lengths_are_seen_in_the_head_only() {
        const CL: &str = "Content-Length: 3\r\n";
        const TE: &str = "TRANSFER-ENCODING:chunked\r\n";
        for step in [1, 7, 1_000] {
            for (head, want) in [
                (format!("POST / HTTP/1.1\r\n{CL}Host: x\r\n{TE}\r\n"), true),
                (format!("\r\n\nPOST / HTTP/1.1\n{TE}{CL}\n"), true),
                (format!("POST / HTTP/1.1\r\n{CL}\r\n{TE}"), false),
                (format!("POST / HTTP/1.1\r\n{TE}\r\n{CL}"), false),
                (format!("POST / HTTP/1.1\r\nx-{CL}{TE}\r\n"), false),
                (format!("POST / HTTP/1.1\r\n{TE}a: {CL}\r\n"), false),
                (
                    format!("POST / HTTP/1.1\r\n{TE}Content-Length-Of-It: 1\r\n\r\n"),
                    false,
                ),
            ] {
                assert_eq!(both(&head, step), want, "{head:?}");
            }
        }
    }

    #[test]
    fn each_head_is_judged_by_itself() {
        let mut scan = HeadScan::default();
        scan.read(b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx");
        assert!(!scan.take_two_framings());
        scan.read(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n");
        assert!(!scan.take_two_framings());
    }
}
