//! A certificate for `localhost`, by an authority of its own.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// The authority's certificate in memory; the server's certificate and key as files.
pub(crate) struct Certificates {
    directory: tempfile::TempDir,
    /// PEM.
    pub(crate) authority: String,
    /// DER.
    pub(crate) certificate: Vec<u8>,
    /// PKCS#8 DER.
    pub(crate) key: Vec<u8>,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = leaf.signed_by(&key, &issuer).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(directory.path().join("key.pem"), key.serialize_pem()).unwrap();
        Self {
            directory,
            authority: authority_certificate.pem(),
            certificate: certificate.der().to_vec(),
            key: key.serialize_der(),
        }
    }

    /// Where `cert.pem` or `key.pem` is.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }
}
