//! How a licence file names its device.

use aws_lc_rs::digest;
use uuid::Uuid;

use crate::encoding;

/// base64url of SHA-256("doorward-device-v1" ‖ 0x00 ‖ app id (16 bytes) ‖ device id (UTF-8)).
/// A device id that is a UUID counts in its lower-case form of 36 characters, whatever its
/// spelling; any other counts as it is.
#[must_use]
pub fn device_hash(app_id: Uuid, device_id: &str) -> String {
    let canonical = device_id.parse::<Uuid>().map(|id| id.to_string());
    let device_id = canonical.as_deref().unwrap_or(device_id);
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [
        b"doorward-device-v1\0".as_slice(),
        app_id.as_bytes(),
        device_id.as_bytes(),
    ] {
        hash.update(part);
    }
    encoding::encode(hash.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hashlib, so that it does not follow the code.
    #[test]
    fn as_documented() {
        let app = Uuid::from_u128(1);
        assert_eq!(
            device_hash(app, "laptop-7"),
            "SRJRphp1NPKsnq-c5B6N3yfDU6cp8pulGAHLHgLUJYA"
        );
        let uuid = "tquA9r5hUhOBBNxkmsfKJ_9sIhWZDlOXVLl1q2RirgY";
        for spelling in [
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "01890A5D-AC96-774B-BCCE-B302099A8057",
            "01890a5dac96774bbcceb302099a8057",
        ] {
            assert_eq!(device_hash(app, spelling), uuid);
        }
    }
}
