//! Keyring, JWS and JWK, opaque secrets, sealing at rest. CPU only.
