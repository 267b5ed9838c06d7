//! The stream from a cursor that lies in the future.

use crate::code::Code;
use crate::dial::dial;
use crate::listen::{Ending, listen};
use crate::means::Means;
use crate::report::Check;
use label::{MAX_NUMBER, Seq};
use url::Url;

/// Asks for the last number there is, which is to be refused (event-stream spec,
/// "Sequence Numbers").
pub(crate) async fn look(means: Means<'_>, service: &Url) -> Check {
    let check = Check::new("future-cursor");
    let cursor = Seq::cursor(MAX_NUMBER).unwrap_or_default();
    let instead = match dial(means, service, cursor).await {
        Err(not) => not.message,
        Ok(socket) => {
            let heard = listen(means, socket, 1, means.quiet()).await;
            match heard.ending {
                Ending::Error(error, _) if error == "FutureCursor" => return check,
                Ending::Error(error, _) => format!("the error {error} came"),
                Ending::Closed(_) if heard.seqs.is_empty() => "the stream just ended".to_owned(),
                _ if heard.seqs.is_empty() => "nothing came".to_owned(),
                _ => "labels came".to_owned(),
            }
        }
    };
    check.found(Code::FutureCursorNotRefused, format!("Asked for cursor {cursor}: {instead}."))
}
