//! The signing keys as one node knows them: parsed once, published as prebuilt bytes.

use std::collections::HashMap;
use std::sync::Arc;

use doorward_crypto::signing::{PublicKey, SigningKey, jwks_json};
use doorward_verify::JwksSet;

/// The keys in use at one moment.
pub struct SigningSet {
    /// The key that signs.
    pub(crate) active: Option<Arc<SigningKey>>,
    /// Every key whose private part is held, by id.
    pub(crate) private: HashMap<String, Arc<SigningKey>>,
    /// The JWKS document.
    jwks: Arc<str>,
    /// Its entity tag, quoted.
    etag: Arc<str>,
    /// The active public key as one line of base64 (`JWT_PUBLIC_KEY`).
    base64_pem: String,
    /// The same as PEM.
    pem: String,
    /// For checking our own tokens.
    pub(crate) verifying: Option<Arc<JwksSet>>,
    /// The platform's state version these keys were read at.
    pub(crate) state_version: i64,
}

impl SigningSet {
    pub(crate) fn empty() -> Self {
        Self {
            active: None,
            private: HashMap::new(),
            jwks: "{\"keys\":[]}".into(),
            etag: "\"none\"".into(),
            base64_pem: String::new(),
            pem: String::new(),
            verifying: None,
            state_version: 0,
        }
    }

    pub(crate) fn new(
        active: Arc<SigningKey>,
        private: HashMap<String, Arc<SigningKey>>,
        public: &[PublicKey],
        state_version: i64,
    ) -> Result<Self, String> {
        let jwks = jwks_json(public);
        let verifying = JwksSet::from_json(&jwks)
            .map_err(|error| format!("our own JWKS is refused: {error}"))?;
        // A key's id is the thumbprint of all that the document says of it, so the ids name it.
        let ids: Vec<&str> = public
            .iter()
            .map(|key| key.kid().get(..16).unwrap_or(key.kid()))
            .collect();
        let etag = format!("\"{}\"", ids.join("."));
        Ok(Self {
            base64_pem: active.public().base64_pem(),
            pem: active.public().pem(),
            active: Some(active),
            private,
            jwks: jwks.into(),
            etag: etag.into(),
            verifying: Some(Arc::new(verifying)),
            state_version,
        })
    }

    /// The JWKS document: next, active and retiring keys.
    #[must_use]
    pub fn jwks(&self) -> Arc<str> {
        Arc::clone(&self.jwks)
    }

    /// Its entity tag, quoted.
    #[must_use]
    pub fn etag(&self) -> Arc<str> {
        Arc::clone(&self.etag)
    }

    /// The active public key as one line of base64 of its PEM (`JWT_PUBLIC_KEY`).
    #[must_use]
    pub fn jwt_public_key(&self) -> &str {
        &self.base64_pem
    }

    /// The id of the active key; empty while there is none.
    #[must_use]
    pub fn active_kid(&self) -> String {
        self.active
            .as_ref()
            .map(|key| key.kid().to_owned())
            .unwrap_or_default()
    }

    /// The active public key as PEM.
    #[must_use]
    pub fn public_pem(&self) -> &str {
        &self.pem
    }
}
