//! Routes that are written down as they are made, so that their description can be compared
//! with what is served, and not with another list that somebody keeps.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodRouter, any, delete, get, post, put};

/// A method and the path, with its parameters in braces.
pub type Route = (&'static str, &'static str);

/// A router, and what is in it.
pub(crate) struct Routes<S> {
    router: Router<S>,
    listed: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), listed: Vec::new() }
    }

    pub(crate) fn get<H: Handler<T, S>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(&["GET"], path, get(handler))
    }

    pub(crate) fn post<H: Handler<T, S>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(&["POST"], path, post(handler))
    }

    pub(crate) fn put<H: Handler<T, S>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(&["PUT"], path, put(handler))
    }

    pub(crate) fn delete<H: Handler<T, S>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.with(&["DELETE"], path, delete(handler))
    }

    /// Takes every method, of which XRPC has two.
    pub(crate) fn xrpc<H: Handler<T, S>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(&["GET", "POST"], path, any(handler))
    }

    fn with(mut self, methods: &[&'static str], path: &'static str, way: MethodRouter<S>) -> Self {
        self.listed.extend(methods.iter().map(|method| (*method, path)));
        self.router = self.router.route(path, way);
        self
    }

    pub(crate) fn router(self) -> Router<S> {
        self.router
    }

    pub(crate) fn listed(self) -> Vec<Route> {
        self.listed
    }
}
