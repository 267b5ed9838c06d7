//! The requests of one webhook: a task that posts what it is handed and says how it went.
//! How many run at once is decided by whoever hands it over.

use super::{Hook, Poster};
use crate::consumer::Word;
use crate::desk::Conn;
use crate::packer::Parcel;
use crate::rack::Rack;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Posts until nobody hands anything over any more. When this is dropped, what is under way
/// is given up.
pub(crate) async fn run(
    conn: Conn,
    poster: Poster,
    hook: Hook,
    rack: Rack,
    mut parcels: mpsc::Receiver<Vec<Parcel>>,
    words: mpsc::Sender<Word>,
) {
    let hook = Arc::new(hook);
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            parcel = parcels.recv() => {
                let Some(parcel) = parcel else { return };
                for one in parcel {
                    // From here on it counts as delivered once.
                    let begun = Word::wrote(conn, std::slice::from_ref(&one));
                    if words.send(begun).await.is_err() {
                        return;
                    }
                    let body = rack.text(&one.sheet, false).into();
                    requests.spawn(post(conn, poster.clone(), Arc::clone(&hook), one, body));
                }
            }
            Some(ended) = requests.join_next() => {
                // One that panicked ends all: the consumer hears it and begins anew.
                let Ok(word) = ended else { return };
                if words.send(word).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn post(conn: Conn, poster: Poster, hook: Arc<Hook>, parcel: Parcel, body: Bytes) -> Word {
    let Parcel { sheet, attempt, .. } = parcel;
    let id = sheet.id();
    match poster.post(&hook, id, attempt, body).await {
        Ok(()) => Word::Acks { conn, ids: vec![id] },
        Err(failure) => Word::Failed { conn, id, failure },
    }
}
