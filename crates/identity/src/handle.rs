//! Handles: DNS and HTTPS, and whether a document and its handle agree.
//!
//! Both ways are asked in order, DNS first, since it wins where they differ (atproto handle
//! spec). A handle never decides about a label; it is shown, and taken from an operator who
//! finds it easier to type than a DID.

use crate::document::Resolved;
use crate::error::HandleError;
use crate::fetch::{FetchError, Page};
use crate::names::LookupError;
use crate::resolver::{Inner, Resolver, words};
use http::StatusCode;
use label::{Did, Hosts};

/// What stands in place of a handle that does not lead back (atproto handle spec).
pub const INVALID_HANDLE: &str = "handle.invalid";
/// A DID has at most 2,048 characters; the rest is room for white space.
const MAX_ANSWER: usize = 4 * 1024;
/// Last labels under which nobody can have a handle in public (atproto handle spec).
const RESERVED: &[&str] =
    &["alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"];

impl Resolver {
    /// Where a handle leads. Says nothing about whether the DID agrees: see
    /// [`Resolver::confirmed_handle`].
    ///
    /// # Errors
    /// [`HandleError::NotFound`] when both ways were asked and lead nowhere, or DNS names
    /// several DIDs; [`HandleError::Unreachable`] when one of them could not be asked and
    /// the other knew nothing.
    pub async fn did_of_handle(&self, handle: &str) -> Result<Did, HandleError> {
        let inner = self.inner();
        let handle = handle.to_ascii_lowercase();
        let reserved = is_reserved_name(&handle) && inner.hosts() == Hosts::Public;
        if reserved || !label::syntax::is_handle(&handle) {
            return Err(HandleError::Invalid(handle));
        }
        let _turn = inner.turn(&inner.handle_turns).await.map_err(HandleError::Unreachable)?;
        let by_dns = inner.ask_dns(&handle).await;
        match by_dns {
            Asked::Did(did) => Ok(did),
            Asked::Several => {
                Err(HandleError::NotFound(format!("the DNS of {handle} names several DIDs")))
            }
            Asked::Nothing | Asked::Failed(_) => {
                let url = format!("https://{handle}/.well-known/atproto-did");
                together(&handle, by_dns, inner.ask_well_known(&url).await)
            }
        }
    }

    /// The handle that a document claims, if it leads back to the same DID;
    /// [`INVALID_HANDLE`] if it does not; `None` if none is claimed or it could not be asked.
    pub async fn confirmed_handle(&self, did: &Did, document: &Resolved) -> Option<String> {
        let claimed = document.claimed_handle.as_deref()?;
        match self.did_of_handle(claimed).await {
            Ok(found) if found == *did => Some(claimed.to_owned()),
            Ok(_) | Err(HandleError::Invalid(_) | HandleError::NotFound(_)) => {
                Some(INVALID_HANDLE.to_owned())
            }
            Err(HandleError::Unreachable(_)) => None,
        }
    }
}

/// What one way said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Did(Did),
    Several,
    Nothing,
    /// It could not be asked, and why.
    Failed(String),
}

impl Inner {
    async fn ask_dns(&self, handle: &str) -> Asked {
        let name = format!("_atproto.{handle}");
        let asked = tokio::time::timeout(self.limits.connect, self.names.texts(&name));
        match asked.await {
            Ok(Ok(texts)) => did_in_texts(&texts),
            Ok(Err(LookupError::NoSuchName | LookupError::NoRecord)) => Asked::Nothing,
            Ok(Err(LookupError::Failed(why))) => Asked::Failed(why),
            Err(_) => Asked::Failed("no answer in time".into()),
        }
    }

    async fn ask_well_known(&self, url: &str) -> Asked {
        did_in_page(self.following.get(url, "text/plain", MAX_ANSWER).await)
    }
}

/// DNS knew nothing or failed; what HTTPS says decides.
fn together(handle: &str, by_dns: Asked, by_https: Asked) -> Result<Did, HandleError> {
    match (by_dns, by_https) {
        (_, Asked::Did(did)) => Ok(did),
        (_, Asked::Failed(why)) => {
            Err(HandleError::Unreachable(format!("cannot ask {handle} by HTTPS: {why}")))
        }
        (Asked::Failed(why), _) => {
            Err(HandleError::Unreachable(format!("cannot ask {handle} by DNS: {why}")))
        }
        _ => Err(HandleError::NotFound(format!("{handle} does not lead to a DID"))),
    }
}

/// Records that are not `did=` and a DID are somebody else's. The same DID twice is one.
fn did_in_texts(texts: &[String]) -> Asked {
    let did = |text: &String| Did::parse(text.trim().strip_prefix("did=")?).ok();
    let mut dids = texts.iter().filter_map(did);
    match dids.next() {
        None => Asked::Nothing,
        Some(first) if dids.all(|other| other == first) => Asked::Did(first),
        Some(_) => Asked::Several,
    }
}

/// A page that is no DID is an answer: many hosts serve the same page for every path. A host
/// that is busy, or wants to know who asks, has not answered.
fn did_in_page(asked: Result<Page, FetchError>) -> Asked {
    let page = match asked {
        Ok(page) => page,
        Err(FetchError::NoSuchName | FetchError::NoAddress | FetchError::TooLarge) => {
            return Asked::Nothing;
        }
        Err(error) => return Asked::Failed(words(error)),
    };
    let text = std::str::from_utf8(&page.body).unwrap_or_default().trim();
    match page.status {
        status if status.is_success() => Did::parse(text).map_or(Asked::Nothing, Asked::Did),
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_EARLY
        | StatusCode::TOO_MANY_REQUESTS => Asked::Failed(format!("HTTP {}", page.status.as_u16())),
        status if status.is_client_error() => Asked::Nothing,
        status => Asked::Failed(format!("HTTP {}", status.as_u16())),
    }
}

/// Whether a host name ends in a label under which nobody can be found in public.
pub(crate) fn is_reserved_name(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    RESERVED.iter().any(|name| last.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, resolver};

    fn did(text: &str) -> Did {
        Did::parse(text).unwrap()
    }

    const ANN: &str = "did:plc:ar7c4by46qjdydhdevvrndac";
    const BOB: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

    fn texts(texts: &[&str]) -> Asked {
        did_in_texts(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn page(status: u16, body: &str) -> Asked {
        let status = StatusCode::from_u16(status).unwrap();
        did_in_page(Ok(Page { status, retry_after: None, body: body.into() }))
    }

    #[test]
    fn the_txt_record_with_a_did_counts_and_others_do_not() {
        let ann = format!("did={ANN}");
        let others = ["v=spf1 -all", "", "did=", "did=nonsense", ANN, "DID=x"];
        assert_eq!(texts(&others), Asked::Nothing);
        assert_eq!(texts(&["v=spf1 -all", &ann]), Asked::Did(did(ANN)));
        assert_eq!(texts(&[&ann, &ann]), Asked::Did(did(ANN)));
        assert_eq!(texts(&[]), Asked::Nothing);
    }

    #[test]
    fn several_different_dids_in_dns_are_no_answer() {
        assert_eq!(texts(&[&format!("did={ANN}"), &format!("did={BOB}")]), Asked::Several);
    }

    #[test]
    fn a_page_counts_if_it_is_a_did_with_white_space_around() {
        assert_eq!(page(200, &format!(" {ANN}\r\n")), Asked::Did(did(ANN)));
        assert_eq!(page(200, "<html>hello</html>"), Asked::Nothing);
        assert_eq!(page(200, ""), Asked::Nothing);
        assert_eq!(page(404, ANN), Asked::Nothing);
        assert_eq!(page(410, ""), Asked::Nothing);
    }

    #[test]
    fn a_host_in_trouble_has_not_answered() {
        for status in [301, 401, 403, 408, 429, 500, 503] {
            assert!(matches!(page(status, ""), Asked::Failed(_)), "{status}");
        }
        assert_eq!(did_in_page(Err(FetchError::TooLarge)), Asked::Nothing);
        assert_eq!(did_in_page(Err(FetchError::NoSuchName)), Asked::Nothing);
        assert!(matches!(did_in_page(Err(FetchError::Failed("x".into()))), Asked::Failed(_)));
    }

    #[test]
    fn only_two_noes_make_a_no() {
        let failed = || Asked::Failed("down".into());
        let nothing = Asked::Nothing;
        let ask = |dns, https| together("h.example", dns, https);
        assert!(matches!(ask(nothing.clone(), nothing.clone()), Err(HandleError::NotFound(_))));
        assert!(matches!(ask(failed(), nothing.clone()), Err(HandleError::Unreachable(_))));
        assert!(matches!(ask(nothing, failed()), Err(HandleError::Unreachable(_))));
        assert_eq!(ask(failed(), Asked::Did(did(ANN))), Ok(did(ANN)));
    }

    #[test]
    fn reserved_names_are_known_by_their_last_label() {
        for name in ["mod.local", "localhost", "x.y.ONION", "a.test"] {
            assert!(is_reserved_name(name), "{name}");
        }
        for name in ["local.org", "mod.example.com", "test.social"] {
            assert!(!is_reserved_name(name), "{name}");
        }
    }

    fn resolved(handle: &str) -> Resolved {
        let document = serde_json::json!({"id": ANN, "alsoKnownAs": [format!("at://{handle}")]});
        Resolved::read(&did(ANN), document, Hosts::Public).unwrap()
    }

    #[tokio::test]
    async fn a_handle_is_confirmed_only_if_it_leads_back() {
        let (ann, bob) = (format!("did={ANN}"), format!("did={BOB}"));
        let names = Table::default()
            .with_texts("_atproto.ann.social", Ok(&["v=spf1", &ann]))
            .with_texts("_atproto.bob.social", Ok(&[&bob]))
            .with_texts("_atproto.both.social", Ok(&[&ann, &bob]))
            .with_texts("_atproto.down.social", Err(LookupError::Failed("SERVFAIL".into())))
            .with("refusing.social", &[&["127.0.0.1"]])
            .with("inner.social", &[&["10.0.0.1"]]);
        let resolver = resolver(names);
        let confirmed =
            async |handle: &str| resolver.confirmed_handle(&did(ANN), &resolved(handle)).await;
        assert_eq!(confirmed("ann.social").await.as_deref(), Some("ann.social"));
        assert_eq!(confirmed("Ann.Social").await.as_deref(), Some("ann.social"));
        for handle in ["bob.social", "both.social", "nobody.social", "ann.local"] {
            assert_eq!(confirmed(handle).await.as_deref(), Some(INVALID_HANDLE), "{handle}");
        }
        for handle in ["down.social", "refusing.social", "inner.social"] {
            assert_eq!(confirmed(handle).await, None, "{handle}");
        }
        let unclaimed = Resolved::read(&did(ANN), serde_json::json!({"id": ANN}), Hosts::Public);
        assert_eq!(resolver.confirmed_handle(&did(ANN), &unclaimed.unwrap()).await, None);
    }

    #[tokio::test]
    async fn what_is_no_handle_is_not_asked_for() {
        let resolver = resolver(Table::default());
        for text in ["", "nodot", "with space.social", "x.onion", "did:plc:x", "a..b", "x.y/z"] {
            let asked = resolver.did_of_handle(text).await;
            assert!(matches!(asked, Err(HandleError::Invalid(_))), "{text}: {asked:?}");
        }
    }
}
