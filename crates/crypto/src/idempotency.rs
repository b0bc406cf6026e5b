//! What is kept of an operator's `Idempotency-Key` and of the request it came with: hashes only.

use crate::refresh::sha256;

/// What a key is stored under: another operator's same key is another key.
#[must_use]
pub fn operator_key_hash(actor: &str, actor_id: &str, key: &str) -> [u8; 32] {
    let mut parts: Vec<&[u8]> = vec![b"doorward/operator-idempotency/v1"];
    let lengths = [actor, actor_id, key].map(|part| (part.len() as u64).to_be_bytes());
    for (length, part) in lengths.iter().zip([actor, actor_id, key]) {
        parts.push(length);
        parts.push(part.as_bytes());
    }
    sha256(&parts)
}

/// What tells whether a repeated request is the same: the operation (method and path) and the body.
#[must_use]
pub fn request_hash(operation: &str, body: &[u8]) -> [u8; 32] {
    sha256(&[
        b"doorward/operator-request/v1",
        &(operation.len() as u64).to_be_bytes(),
        operation.as_bytes(),
        body,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_from_one_part_to_the_next() {
        assert_ne!(
            operator_key_hash("cli", "a", "b"),
            operator_key_hash("cli", "ab", "")
        );
        assert_ne!(
            operator_key_hash("admin_key", "1", "k"),
            operator_key_hash("admin_key", "2", "k")
        );
        assert_ne!(request_hash("POST /a", b"b"), request_hash("POST /", b"ab"));
        assert_eq!(request_hash("POST /a", b"b"), request_hash("POST /a", b"b"));
    }
}
