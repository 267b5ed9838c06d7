//! A connection within the process: events as values instead of texts, for a program that
//! has the service in it.
//!
//! To the desk it is one more connection, with a window and a short queue as a socket has
//! them. The program's end is a [`Reader`]; the hall's end is a task ([`Seat::run`]) that
//! tells the consumer what was taken and what was acked. Between them is a mailbox: what the
//! program says never waits, and there is at most one entry in it for each event in flight.

use crate::consumer::Word;
use crate::desk::Conn;
use crate::hall::Place;
use crate::packer::Parcel;
use crate::sheet::Sheet;
use crate::standing::Standing;
use futures_util::Stream;
use label::Event;
use std::collections::VecDeque;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Most acks of one word, so that a consumer is never busy with one for long.
const TOGETHER: usize = 4096;

/// Reads as a consumer, in this process: what a socket of `/channel` would be sent, as values,
/// under the same promises. It ends when the service does, and when its consumer is removed or
/// gets a webhook. When it is dropped, what it was handed and has not acked is sent again at
/// once, to another connection of the consumer or to the next one.
#[derive(Debug)]
pub struct Reader {
    parcels: mpsc::Receiver<Vec<Parcel>>,
    at_hand: VecDeque<Parcel>,
    mailbox: Arc<Mailbox>,
    standing: Arc<Standing>,
}

impl Reader {
    /// A reader of this consumer, and what is taken to the hall; at most so many events wait
    /// for it.
    pub(crate) fn new(standing: Arc<Standing>, waiting: usize) -> (Self, Seat) {
        let (queue, parcels) = mpsc::channel(waiting);
        let mailbox = Arc::new(Mailbox::default());
        let seat = Seat { queue, mailbox: Arc::clone(&mailbox) };
        (Self { parcels, at_hand: VecDeque::new(), mailbox, standing }, seat)
    }

    /// The next event, or `None` when there will be none any more. May be dropped at any await
    /// without losing an event.
    pub async fn next(&mut self) -> Option<Delivered> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Delivered>> {
        loop {
            // What is not handed out now comes again, to whoever reads next.
            if self.mailbox.is_closed() {
                self.at_hand.clear();
                return Poll::Ready(None);
            }
            while let Some(Parcel { sheet, attempt, life }) = self.at_hand.pop_front() {
                self.mailbox.take(&sheet);
                // Else the consumer has begun anew since this was sent.
                if life == self.standing.life() {
                    let mailbox = Arc::clone(&self.mailbox);
                    return Poll::Ready(Some(Delivered { sheet, attempt, mailbox }));
                }
            }
            match ready!(self.parcels.poll_recv(context)) {
                Some(more) => self.at_hand.extend(more),
                None => {
                    self.mailbox.leave();
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Stream for Reader {
    type Item = Delivered;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivered>> {
        self.poll(context)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.mailbox.leave();
    }
}

/// An event that was handed out. Reads like the [`Event`] it is. One that is dropped without an
/// [`ack`](Delivered::ack) comes again after the retry timeout.
#[derive(Debug)]
pub struct Delivered {
    sheet: Arc<Sheet>,
    attempt: u32,
    mailbox: Arc<Mailbox>,
}

impl Delivered {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        self.sheet.event()
    }

    /// The how-manieth delivery this is, from 1, since the service was started.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Says that it is done with, from wherever. Durable within a second, and when the service
    /// has stopped as asked; after a crash the events that were acked last may come again. Does
    /// nothing once its reader was dropped: then the event comes again too.
    pub fn ack(self) {
        self.mailbox.ack(self.sheet.id());
    }
}

impl Deref for Delivered {
    type Target = Event;

    fn deref(&self) -> &Event {
        self.event()
    }
}

/// What the program has said and the consumer has not been told.
#[derive(Debug, Default)]
struct Mailbox {
    said: Mutex<Said>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Said {
    taken: Vec<i64>,
    /// What the taken ones weigh.
    bytes: usize,
    acks: Vec<i64>,
    /// The reader was dropped, or nobody listens any more.
    left: bool,
    /// Nobody listens any more.
    closed: bool,
}

impl Mailbox {
    fn take(&self, sheet: &Sheet) {
        self.say(|said| {
            said.taken.push(sheet.id());
            said.bytes += sheet.weight();
        });
    }

    fn ack(&self, id: i64) {
        self.say(|said| said.acks.push(id));
    }

    fn leave(&self) {
        self.say(|said| said.left = true);
    }

    /// Nobody listens to who has left.
    fn say(&self, something: impl FnOnce(&mut Said)) {
        let mut said = self.lock();
        if !said.left {
            something(&mut said);
            drop(said);
            self.bell.notify_one();
        }
    }

    /// Takes out what was said. That somebody has left stays.
    fn empty(&self) -> Said {
        let mut said = self.lock();
        let Said { left, closed, .. } = *said;
        std::mem::replace(&mut said, Said { left, closed, ..Said::default() })
    }

    /// The last time: what is said from here on would be carried to nobody.
    fn close(&self) -> Said {
        let mut said = self.lock();
        std::mem::replace(&mut said, Said { left: true, closed: true, ..Said::default() })
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// What is said is said in one go, so a panic leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hall's end of a [`Reader`].
#[derive(Debug)]
pub(crate) struct Seat {
    queue: mpsc::Sender<Vec<Parcel>>,
    mailbox: Arc<Mailbox>,
}

impl Seat {
    /// Carries what the reader says, until it leaves, its consumer ends, or everybody is to go;
    /// then what it has said so far is carried before.
    pub(crate) async fn run(
        self,
        conn: Conn,
        place: Place,
        consumer: mpsc::Sender<Word>,
        stop: CancellationToken,
    ) {
        let Self { queue, mailbox } = self;
        let takes = place.taste().cloned().map(Box::new);
        if consumer.send(Word::Opened { conn, takes, queue }).await.is_err() {
            return;
        }
        loop {
            let stops = tokio::select! {
                () = mailbox.bell.notified() => false,
                () = stop.cancelled() => true,
                () = consumer.closed() => return,
            };
            let said = if stops { mailbox.close() } else { mailbox.empty() };
            let leaves = said.left || stops;
            if carry(conn, said, &consumer).await.is_err() {
                return;
            }
            if leaves {
                break;
            }
        }
        tracing::info!(consumer = place.consumer(), "reader closed");
        let _consumer_may_be_gone = consumer.send(Word::Closed { conn }).await;
    }
}

/// What was taken first: only that can be acked.
async fn carry(
    conn: Conn,
    said: Said,
    consumer: &mpsc::Sender<Word>,
) -> Result<(), mpsc::error::SendError<Word>> {
    let Said { taken: ids, bytes, acks, .. } = said;
    if !ids.is_empty() {
        consumer.send(Word::Wrote { conn, ids, bytes }).await?;
    }
    for ids in acks.chunks(TOGETHER) {
        consumer.send(Word::Acks { conn, ids: ids.to_vec() }).await?;
    }
    Ok(())
}
