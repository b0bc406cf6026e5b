//! The life of a signing key.

/// States of a signing key: `next → active → retiring → retired`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, not yet signing. At most one.
    Next,
    /// Signing. Exactly one once the platform has started.
    Active,
    /// No longer signing, still published until the last token it signed is dead.
    Retiring,
    /// Out of the JWKS; kept for the record, its private part erased.
    Retired,
}

impl KeyState {
    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        match text {
            "next" => Some(Self::Next),
            "active" => Some(Self::Active),
            "retiring" => Some(Self::Retiring),
            "retired" => Some(Self::Retired),
            _ => None,
        }
    }
}

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum SigningAlg {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bit (RFC 7518 §3.3).
    #[serde(rename = "RS256-2048")]
    Rs256Bits2048,
    /// The same with 3072 bit.
    #[serde(rename = "RS256-3072")]
    Rs256Bits3072,
    /// The same with 4096 bit.
    #[serde(rename = "RS256-4096")]
    Rs256Bits4096,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlg {
    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256Bits2048 => "RS256-2048",
            Self::Rs256Bits3072 => "RS256-3072",
            Self::Rs256Bits4096 => "RS256-4096",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// From the stored form or a setting.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Rs256Bits2048,
            Self::Rs256Bits3072,
            Self::Rs256Bits4096,
            Self::Es256,
            Self::EdDsa,
        ]
        .into_iter()
        .find(|alg| alg.as_str() == text)
    }

    /// The `alg` of the JWS header (RFC 7515 §4.1.1).
    #[must_use]
    pub const fn jws(self) -> &'static str {
        match self {
            Self::Rs256Bits2048 | Self::Rs256Bits3072 | Self::Rs256Bits4096 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}
