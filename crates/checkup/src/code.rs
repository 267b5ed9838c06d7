//! Every finding there can be, once: its name, how bad it is, what it means, what to do.
//!
//! Names are stable: scripts read them. A new finding is a new row here and in
//! `docs/check.md`; a test compares the two.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing. Nobody who keeps to the protocol loses, refuses or misreads a label
    /// because of it.
    Note,
    /// Labels do not reach everybody who keeps to the protocol, or are not believed or
    /// shown there. It makes the check fail.
    Problem,
}

impl Severity {
    /// `note` or `problem`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $meaning:literal $advice:literal)+) => {
        /// What can be found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $variant,)+
        }

        impl Code {
            /// Every code, in the order in which things are looked at.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Whether it makes the check fail.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }

            /// What to do about it.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)+ }
            }
        }
    };
}

codes! {
    HandleNotFound "handle-not-found" Problem
        "The handle does not lead to a DID."
        "Set the TXT record `_atproto.HANDLE` to `did=DID`, or serve the DID at `https://HANDLE/.well-known/atproto-did`; or give the DID to this command."
    NoDid "no-did" Problem
        "It could not be found out whose labeler answers at this URL."
        "Give the labeler's DID or handle to this command."
    DidNotFound "did-not-found" Problem
        "There is no such DID, or it was deleted."
        "Look for a typing mistake; of a did:web, serve its document at `/.well-known/did.json`."
    DirectoryUnreachable "directory-unreachable" Problem
        "The PLC directory could not be asked for the DID document."
        "Try again later; should it last, look at `--plc-url` and at the network here."
    DocumentUnreachable "document-unreachable" Problem
        "The host of the did:web did not give its DID document."
        "Serve it as JSON at `https://HOST/.well-known/did.json`, without a redirect, with `id` being the DID."
    NoHandle "no-handle" Note
        "The DID document claims no handle."
        "Set a handle for the account, so that people can find it by name."
    HandleMismatch "handle-mismatch" Problem
        "The handle leads to a DID whose document claims another handle."
        "Change the account's handle to this one, or let the handle's DNS record lead to the account that has it."
    HandleUnconfirmed "handle-unconfirmed" Problem
        "The handle of the DID document does not lead back to the DID; apps show it as invalid."
        "Set the TXT record `_atproto.HANDLE` to `did=DID`, or serve the DID at `https://HANDLE/.well-known/atproto-did`."
    HandleLocal "handle-local" Note
        "The handle is under `.test`, which is for development and leads nowhere in public."
        "Nothing, as long as this is a network for development."
    NoService "no-service" Problem
        "The DID document has no entry `#atproto_labeler` under `service`."
        "Add one of type `AtprotoLabeler` with the URL of the labeler, by a PLC operation; the set-up of the labeler software has a command for it."
    ServiceWrongType "service-wrong-type" Problem
        "The service `#atproto_labeler` is not of type `AtprotoLabeler`."
        "Set its type to `AtprotoLabeler`."
    ServiceUnusable "service-unusable" Problem
        "The endpoint of the service `#atproto_labeler` is no URL that can be used."
        "Set it to `https://HOST`, perhaps with a port, and nothing after it."
    ServiceElsewhere "service-elsewhere" Problem
        "The DID document names another endpoint than the URL that was given."
        "Put this URL into the DID document, if the labeler has moved; subscribers go where the document says."
    NoKey "no-key" Problem
        "The DID document has no key `#atproto_label`, so nobody believes the labels."
        "Add the public key of the labeler's signing key as `atproto_label` to the `verificationMethods`, by a PLC operation."
    KeyUnusable "key-unusable" Problem
        "The key `#atproto_label` cannot be used to check labels."
        "Put a k256 or P-256 key there, as a `Multikey`."
    EndpointPlainHttp "endpoint-plain-http" Problem
        "The endpoint is plain http, which subscribers do not use."
        "Serve the labeler over https, and put that URL into the DID document."
    EndpointPrivateAddress "endpoint-private-address" Problem
        "The endpoint is at an address that nobody outside can reach."
        "Let the name of the endpoint lead to a public address."
    NameUnresolvable "name-unresolvable" Problem
        "DNS gives no address for the host of the endpoint."
        "Add an A or AAAA record for it, or mend the URL in the DID document."
    EndpointUnreachable "endpoint-unreachable" Problem
        "Nobody answers at the endpoint."
        "Start the labeler, and look at the firewall and the port in the DID document."
    TlsFailed "tls-failed" Problem
        "No TLS connection could be made with the endpoint; the certificate is one common reason."
        "Serve a certificate for this host name that is valid and comes with its intermediates."
    HandshakeRefused "handshake-refused" Problem
        "`subscribeLabels` answered with an HTTP status instead of opening a WebSocket."
        "Let the proxy before the labeler pass on `Upgrade` and `Connection` for `/xrpc/com.atproto.label.subscribeLabels`, and look whether the labeler serves it."
    AuthRequired "auth-required" Problem
        "`subscribeLabels` asks for credentials, and subscribers have none."
        "Serve it to everybody."
    Redirected "redirected" Problem
        "`subscribeLabels` answers with a redirect, which subscribers need not follow."
        "Put the URL that it leads to into the DID document, or serve the stream where the document says."
    HandshakeFailed "handshake-failed" Problem
        "What answers at the endpoint does not complete the handshake of a WebSocket."
        "Look whether the labeler, and no other program, listens there, and whether it answers in time."
    StreamClosedAtOnce "stream-closed-at-once" Problem
        "The stream was opened and ended before anything came."
        "Look into the log of the labeler for an error at this moment."
    StreamClosed "stream-closed" Problem
        "The stream ended in the middle, without an error frame."
        "Look into the log of the labeler, and at the time limits of the proxy before it."
    StreamError "stream-error" Problem
        "The labeler ended the stream with an error frame."
        "Look into the log of the labeler. If it is always the same place, what is stored there cannot be sent, and nobody gets past it."
    ConsumerTooSlow "consumer-too-slow" Problem
        "The labeler ended the stream because we were too slow, though we read as fast as we could."
        "Update the labeler software; subscribers have to come back again and again to get everything."
    FramingBroken "framing-broken" Problem
        "A frame breaks the rules of event streams; subscribers drop the connection there."
        "Send each frame as one binary message: a header and a body in DAG-CBOR, nothing after, `seq` from 1 on, at most 5 MB."
    TextFrame "text-frame" Problem
        "A frame came as text; frames are binary."
        "Send DAG-CBOR in binary messages, not JSON."
    SeqNotGrowing "seq-not-growing" Problem
        "`seq` does not grow from frame to frame, so subscribers lose their place."
        "Give each frame a `seq` above all before it, also after a restart or a restored backup."
    OutdatedCursor "outdated-cursor" Note
        "The stream no longer has everything the labeler ever said."
        "Nothing, if labels are to be kept for a while only; new subscribers get what is left."
    EmptyStream "empty-stream" Note
        "The stream is open and has nothing in it, so neither labels nor cursors could be looked at."
        "Nothing, if it has not said anything yet; check again after the first label."
    CursorIgnored "cursor-ignored" Problem
        "The stream does not begin at the cursor that was asked for."
        "Send everything from `cursor` on, then what is new; `cursor=0` is everything."
    FutureCursorNotRefused "future-cursor-not-refused" Note
        "A cursor from the future is not answered with the error `FutureCursor`, so subscribers do not notice when numbering starts over."
        "Answer a cursor above the newest `seq` with an error frame `FutureCursor`, then close."
    LabelMalformed "label-malformed" Problem
        "A label has a field that is missing, of the wrong type or form or too long, or is not canonical CBOR; subscribers refuse it."
        "Mend what makes such labels, and make these again; the fields are those of `com.atproto.label.defs#label`."
    LabelVersion "label-version" Problem
        "A label has no `ver`, or another than 1; subscribers refuse it."
        "Sign and send `ver: 1`."
    LabelForeignSrc "label-foreign-src" Problem
        "A label has the `src` of somebody else; subscribers refuse it."
        "Send labels with the labeler's own DID as `src` only."
    LabelUnsigned "label-unsigned" Problem
        "A label has no signature; subscribers refuse it."
        "Sign every label. Old versions of some labeler software send old labels without: update it."
    SignatureDer "signature-der" Problem
        "A signature is in DER, which atproto does not allow."
        "Send `r` and `s` as 32 bytes each, 64 bytes in all."
    SignatureHighS "signature-high-s" Problem
        "A signature has the higher of two possible `s`, which atproto does not allow."
        "Normalise signatures to low-S before sending them."
    SignatureBad "signature-bad" Problem
        "A signature holds neither under the key of the DID document nor under an earlier one."
        "Put the key that signs into the DID document. Sign exactly the fields that are sent, except `sig` and unknown ones, in DAG-CBOR."
    SignatureOldKey "signature-old-key" Note
        "A signature holds only under an earlier key of the DID; many subscribers refuse such labels."
        "Sign old labels again with the present key, and keep their `cts`."
    HistoryUnreachable "history-unreachable" Problem
        "Signatures fail under the present key, and the directory could not be asked for earlier ones."
        "Try again later."
    QueryUnavailable "query-unavailable" Problem
        "`queryLabels` does not answer as it should."
        "Serve `/xrpc/com.atproto.label.queryLabels` with a JSON object that has `labels`."
    QueryAuth "query-auth" Problem
        "`queryLabels` asks for credentials."
        "Serve it to everybody, as the stream."
    QueryLabelsNull "query-labels-null" Note
        "`queryLabels` answers `labels: null` where there are none; it should be an empty list."
        "Answer `labels: []`; strict clients fail at `null`."
    QueryDisagrees "query-disagrees" Problem
        "`queryLabels` does not give a label that applies according to the stream, or gives it otherwise."
        "Serve both from the same table; look for characters in the URI that the query takes for patterns, such as `_` and `%`."
    QuerySignatureBad "query-signature-bad" Problem
        "A label from `queryLabels` has no signature that holds."
        "Give labels there with all the fields that were signed, `neg: false` among them if it was, and with `sig`."
    NoDeclaration "no-declaration" Note
        "The account has no record `app.bsky.labeler.service/self`, so the Bluesky app does not offer the labeler."
        "Publish one, if people are to subscribe to the labeler in the app."
    DeclarationUnreachable "declaration-unreachable" Problem
        "The account's PDS could not be asked for the declaration."
        "Look whether the account is active and its PDS is up."
    DeclarationMalformed "declaration-malformed" Problem
        "The declaration has no list `policies.labelValues`."
        "Publish it again, with the values that the labeler uses."
    ValueUndeclared "value-undeclared" Problem
        "Labels have a value that the declaration does not list; apps do not show them as meant."
        "Add the value to `policies.labelValues`, and define it there, unless it is a global one."
    ValueUnused "value-unused" Note
        "The declaration lists a value that no label has."
        "Nothing, if it is for later."
    ValueNotKebab "value-not-kebab" Note
        "A value has other characters than `a` to `z` and `-` (and `!` in front), so it cannot be defined for apps."
        "Use values like `very-rude`."
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_kebab_case_and_each_its_own() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            let plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(name.chars().all(plain) && !name.starts_with('-'), "{name}");
        }
    }

    #[test]
    fn the_document_lists_every_code_as_it_is_and_no_other() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check.md");
        let page = std::fs::read_to_string(path).unwrap();
        let findings = page.split("## Findings").nth(1).unwrap();
        let rows: Vec<&str> = findings.lines().filter(|line| line.starts_with("| `")).collect();
        let row = |code: &Code| {
            let (name, severity) = (code.as_str(), code.severity().as_str());
            format!("| `{name}` | {severity} | {} | {} |", code.meaning(), code.advice())
        };
        let expected: Vec<String> = Code::ALL.iter().map(row).collect();
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(row, expected);
        }
        assert_eq!(rows.len(), expected.len());
    }

    #[test]
    fn sentences_end_and_fit_a_table() {
        for code in Code::ALL {
            for text in [code.meaning(), code.advice()] {
                assert!(text.ends_with('.') && !text.contains(['|', '\n']), "{text}");
            }
        }
    }
}
