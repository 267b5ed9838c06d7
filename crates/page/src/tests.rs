use crate::asset::{DOCUMENT, FILES};
use crate::routes;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use std::path::Path;
use tower::ServiceExt as _;

async fn ask(method: &str, path: &str, tag: Option<&str>) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(tag) = tag {
        request = request.header("if-none-match", tag);
    }
    let answer = routes().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn each_file_is_what_its_name_says_and_has_the_policy() {
    for (path, kind, begins) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/page/app.js", "text/javascript; charset=utf-8", "/*! This file contains Preact"),
        ("/page/app.css", "text/css; charset=utf-8", ":root"),
        ("/page/icon.svg", "image/svg+xml", "<svg"),
    ] {
        let (status, headers, text) = ask("GET", path, None).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, kind));
        assert!(text.starts_with(begins), "{path}: {}", &text[..80]);
        assert_eq!(headers["cache-control"], "no-cache");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.split("; ").any(|one| one == part), "{path}: no {part}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn who_has_it_is_not_sent_it_again() {
    for path in ["/", "/page/app.js"] {
        let (_, headers, text) = ask("GET", path, None).await;
        let tag = headers["etag"].to_str().unwrap();
        assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
        for held in [tag, "*", &format!("\"other\", {tag}"), &format!("W/{tag}")] {
            let (status, headers, text) = ask("GET", path, Some(held)).await;
            assert_eq!((status, text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{held}");
            assert_eq!(headers["etag"], tag);
            assert!(headers.contains_key("content-security-policy"));
        }
        let (status, _, again) = ask("GET", path, Some("\"other\"")).await;
        assert_eq!((status, again), (StatusCode::OK, text));
    }
}

#[tokio::test]
async fn a_head_has_the_headers_alone() {
    let (_, got, _) = ask("GET", "/page/app.js", None).await;
    let (status, headers, text) = ask("HEAD", "/page/app.js", None).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, ""));
    assert_eq!(headers["etag"], got["etag"]);
    assert_eq!(headers["content-length"], got["content-length"]);
}

#[tokio::test]
async fn nothing_else_is_there() {
    for path in ["/page/index.html", "/page/other.js", "/page/..%2findex.html", "/page/APP.js"] {
        assert_eq!(ask("GET", path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(ask("POST", "/", None).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn every_built_file_is_served() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist");
    let names = |folder: &Path| {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&dist), [DOCUMENT.name(), "page"]);
    let mut served = FILES.each_ref().map(super::asset::Asset::name);
    served.sort_unstable();
    assert_eq!(names(&dist.join("page")), served);
}

#[tokio::test]
async fn the_document_has_nothing_inline_and_names_nobody_else() {
    let (_, _, text) = ask("GET", "/", None).await;
    assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains("onload="));
    assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
    for script in text.split("<script").skip(1) {
        assert!(script.contains("src=\"./page/app.js\"></script>"), "{script}");
    }
    let (_, _, script) = ask("GET", "/page/app.js", None).await;
    assert!(script.contains("Jason Miller"), "the licence of Preact stays");
    let (_, _, styles) = ask("GET", "/page/app.css", None).await;
    assert!(!styles.contains("url(") && !styles.contains("@import"), "styles load nothing");
}
