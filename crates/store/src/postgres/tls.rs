//! TLS with verification of the server's certificate and name; there is no other kind here.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::options::Roots;
use crate::error::StoreError;

/// The settings of the client's side.
///
/// # Errors
/// [`StoreError::Internal`] when no authority can be read.
pub(super) fn client_config(roots: &Roots) -> Result<ClientConfig, StoreError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Internal(format!("TLS: {error}")))?;
    Ok(builder
        .with_root_certificates(load(roots)?)
        .with_no_client_auth())
}

fn load(roots: &Roots) -> Result<RootCertStore, StoreError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                return Err(StoreError::Internal(
                    "this machine trusts no certificate authority: name one with sslrootcert"
                        .to_owned(),
                ));
            }
        }
        Roots::File(path) => {
            let failed = |why: &dyn std::fmt::Display| {
                StoreError::Internal(format!("sslrootcert {}: {why}", path.display()))
            };
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?
            {
                let certificate = certificate.map_err(|error| failed(&error))?;
                store.add(certificate).map_err(|error| failed(&error))?;
            }
            if store.is_empty() {
                return Err(failed(&"holds no certificate"));
            }
        }
    }
    Ok(store)
}
