//! The one TLS configuration that every outgoing connection shares.

use crate::error::SetupError;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::Arc;

/// Checks servers by the certificates of the system and speaks HTTP/1.1 only, since a
/// WebSocket needs it. The crypto provider is named here, so that it does not depend on
/// which crate was first to set one for the process.
pub(crate) fn client_config() -> Result<ClientConfig, SetupError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| SetupError::Certificates(words(error)))?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The verifier reports a lack of certificates as a "general" error, which the library
/// prints as "unexpected error".
fn words(error: rustls::Error) -> String {
    match error {
        rustls::Error::General(text) => text,
        other => other.to_string(),
    }
}
