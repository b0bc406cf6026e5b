//! How secrets that are shown once go into an answer that is kept, which is then sealed: for
//! `#[serde(with = "…")]` on fields of types that do not print by themselves.

/// An app's secret.
pub(crate) mod app_secret {
    use doorward_domain::secret::AppSecret;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(secret: &AppSecret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AppSecret, D::Error> {
        AppSecret::parse(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no secret"))
    }
}

/// Any other secret text.
pub(crate) mod secret_text {
    use doorward_domain::secret::SecretText;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(secret: &SecretText, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretText, D::Error> {
        String::deserialize(from).map(SecretText::new)
    }
}

/// A licence key, where there is one.
pub(crate) mod license_key {
    use doorward_domain::license::LicenseKey;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        key: &Option<LicenseKey>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        key.as_ref()
            .map(|key| key.expose().expose().to_owned())
            .serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<LicenseKey>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| LicenseKey::parse(&text).ok_or_else(|| D::Error::custom("no key")))
            .transpose()
    }
}
