//! Why there is no connection, as a finding.

use crate::code::Code;
use identity::ConnectError;

/// What a failed connection says about an endpoint.
pub(crate) fn code(error: &ConnectError) -> Code {
    match error {
        // The guard refuses a URL for its scheme only; the rest was looked at before.
        ConnectError::Url(_) => Code::EndpointPlainHttp,
        ConnectError::Refused { .. } => Code::EndpointPrivateAddress,
        ConnectError::Lookup { .. } => Code::NameUnresolvable,
        ConnectError::Tls { .. } => Code::TlsFailed,
        _ => Code::EndpointUnreachable,
    }
}
