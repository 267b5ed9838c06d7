//! The handshake: what is sent, and what a refusal means.

use crate::{ClientError, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// The upgrade request that these settings stand for.
pub(crate) fn request(settings: &Settings) -> Result<Request<()>, ClientError> {
    let mut url = settings.url.clone();
    let refuse = |reason| ClientError::Url {
        url: settings.url.host_str().unwrap_or_default().to_owned(),
        reason,
    };
    match url.scheme() {
        "http" | "ws" => {}
        "https" | "wss" => return Err(refuse("https is not supported, labeltap speaks http")),
        _ => return Err(refuse("it does not begin with http://")),
    }
    let scheme_set = url.set_scheme("ws");
    let base = url.path().trim_end_matches('/');
    url.set_path(&format!("{base}/channel"));
    if !settings.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&settings.query);
    }
    url.set_fragment(None);
    let built = scheme_set.ok().and_then(|()| url.as_str().into_client_request().ok());
    let mut request = built.ok_or_else(|| refuse("it cannot be connected to"))?;
    if let Some(password) = &settings.password {
        let mut value = basic(password);
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

fn basic(password: &str) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("admin:{password}")));
    // Base64 is made of characters that every header takes.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Basic"))
}

/// What a failed handshake means: `Some` when trying again would not help.
pub(crate) fn refusal(error: &Error) -> Option<ClientError> {
    let Error::Http(response) = error else { return None };
    match response.status() {
        StatusCode::UNAUTHORIZED => Some(ClientError::Unauthorized),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => None,
        status if status.is_client_error() => {
            Some(ClientError::Refused { status, message: message(response) })
        }
        _ => None,
    }
}

/// The `message` of our error shape, or the beginning of whatever else was said.
fn message(response: &Response<Option<Vec<u8>>>) -> String {
    let body = response.body().as_deref().unwrap_or_default();
    let shaped: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said = shaped.as_ref().and_then(|value| value.get("message")?.as_str());
    let text = String::from_utf8_lossy(body);
    said.unwrap_or(&text).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings { url: url.parse().unwrap(), password: None, query: Vec::new() }
    }

    #[test]
    fn the_channel_is_beside_whatever_path_is_given() {
        for (given, asked) in [
            ("http://localhost:2480", "ws://localhost:2480/channel"),
            ("http://localhost:2480/", "ws://localhost:2480/channel"),
            ("ws://[::1]:1/tap/", "ws://[::1]:1/tap/channel"),
        ] {
            assert_eq!(request(&settings(given)).unwrap().uri().to_string(), asked);
        }
    }

    #[test]
    fn the_query_is_escaped() {
        let mut settings = settings("http://h/?raw=true");
        settings.query = vec![("consumer".into(), "a&b".into())];
        let uri = request(&settings).unwrap().uri().to_string();
        assert_eq!(uri, "ws://h/channel?raw=true&consumer=a%26b");
    }

    #[test]
    fn the_password_goes_as_admin() {
        let mut settings = settings("http://h");
        settings.password = Some("secret".into());
        let request = request(&settings).unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], "Basic YWRtaW46c2VjcmV0");
    }

    #[test]
    fn other_schemes_are_refused() {
        for url in ["https://h", "wss://h", "ftp://h", "file:///x"] {
            assert!(matches!(request(&settings(url)), Err(ClientError::Url { .. })), "{url}");
        }
    }

    #[test]
    fn only_what_cannot_mend_itself_is_final() {
        let answer = |status: u16, body: &str| {
            let response = Response::builder().status(status).body(Some(body.into())).unwrap();
            refusal(&Error::Http(Box::new(response)))
        };
        assert!(matches!(answer(401, ""), Some(ClientError::Unauthorized)));
        let shaped = answer(400, r#"{"error":"InvalidRequest","message":"no such type"}"#);
        assert!(
            matches!(shaped, Some(ClientError::Refused { message, .. }) if message == "no such type")
        );
        assert!(answer(503, "").is_none());
        assert!(answer(429, "").is_none());
        assert!(refusal(&Error::ConnectionClosed).is_none());
    }
}
