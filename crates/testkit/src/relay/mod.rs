//! A relay that really signs, on a real socket, with faults to order.
//!
//! [`FakeRelay`] serves `com.atproto.sync.subscribeRepos`, and for the accounts that it was
//! given `com.atproto.sync.listReposByCollection` and `com.atproto.sync.getRecord`. The stream
//! behaves as that of [`crate::FakeLabeler`] does. Whose log was shortened by
//! [`FakeRelay::forget`] says `OutdatedCursor` before the rest of it.

mod pages;

pub use pages::{ListAsked, RecordAsked};

use crate::repo::{Account, Commit, Forgery};
use crate::stream::{Ending, Faults, Server, Shared, Upgrade};
use crate::{Trouble, firehose, time};
use pages::Own;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::net::TcpListener;

const METHOD: &str = "/xrpc/com.atproto.sync.subscribeRepos";

/// The real time is meant.
const NOW: i64 = i64::MIN;

/// A fake relay. Dropping it frees the port and cuts every connection.
#[derive(Debug)]
pub struct FakeRelay {
    own: Arc<Own>,
    shared: Arc<Shared>,
    server: Server,
    time: AtomicI64,
}

impl FakeRelay {
    /// Starts a relay without accounts on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let own = Arc::new(Own::default());
        let shared = Arc::new(Shared::new(METHOD, own.clone()));
        let server = Server::start(listener, address, shared.clone());
        Self { own, shared, server, time: AtomicI64::new(NOW) }
    }

    /// Where it listens: `http://127.0.0.1:port`. It stays there through `stop` and `resume`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Serves this account from now on, in the place of what it had of it. Nothing is sent.
    pub fn add(&self, account: Account) {
        self.own.lock().accounts.insert(account.did().to_owned(), account);
    }

    /// An account as it is now.
    #[must_use]
    pub fn account(&self, did: &str) -> Option<Account> {
        self.own.lock().accounts.get(did).cloned()
    }

    /// Changes an account and sends the commit. Answers its `seq`.
    ///
    /// # Panics
    ///
    /// When there is no such account.
    #[expect(clippy::expect_used, reason = "a test that asks for nobody should stop")]
    pub fn change(&self, did: &str, change: impl FnOnce(&mut Account) -> Commit) -> i64 {
        let commit = {
            let mut state = self.own.lock();
            change(state.accounts.get_mut(did).expect("an account of this relay"))
        };
        self.send(&commit)
    }

    /// An account declares that it is a labeler with these values. Answers the `seq`.
    pub fn declare(&self, did: &str, values: &[&str]) -> i64 {
        self.change(did, |account| account.declare(values))
    }

    /// An account takes its declaration back. Answers the `seq`.
    pub fn undeclare(&self, did: &str) -> i64 {
        self.change(did, Account::undeclare)
    }

    /// An account writes a post. Answers the `seq`.
    pub fn post(&self, did: &str, text: &str) -> i64 {
        self.change(did, |account| account.post(text))
    }

    /// Sends a commit that does not prove what it says. Answers the `seq`.
    pub fn forge(&self, did: &str, forgery: Forgery) -> i64 {
        self.change(did, |account| account.forge(forgery))
    }

    /// Sends a commit, whoever made it. Answers the `seq`.
    pub fn send(&self, commit: &Commit) -> i64 {
        let time = self.time();
        self.shared.append(|seq| commit.frame(seq, &time))
    }

    /// Says that an identity may have changed. Answers the `seq`.
    pub fn identity(&self, did: &str) -> i64 {
        let time = self.time();
        self.shared.append(|seq| firehose::identity(seq, &time, did))
    }

    /// Says what became of an account. Answers the `seq`.
    pub fn status(&self, did: &str, active: bool, status: Option<&str>) -> i64 {
        let time = self.time();
        self.shared.append(|seq| firehose::account(seq, &time, did, active, status))
    }

    /// Says that a repository was set to the state it has now. Answers the `seq`.
    ///
    /// # Panics
    ///
    /// When there is no such account.
    #[expect(clippy::expect_used, reason = "a test that asks for nobody should stop")]
    pub fn sync(&self, did: &str) -> i64 {
        let (time, account) = (self.time(), self.account(did).expect("an account of this relay"));
        let (rev, car) = (account.rev(), account.head());
        self.shared.append(|seq| firehose::sync(seq, &time, did, &rev, car))
    }

    /// Sends any message in the place of the next frame, and answers the `seq` that it
    /// takes up: asked for a cursor of that or more, the message is not sent again.
    pub fn emit_raw(&self, message: impl FnOnce(i64) -> Vec<u8>) -> i64 {
        self.shared.append(message)
    }

    /// Events from now on bear this time, in milliseconds since 1970; `None`: the real one.
    pub fn set_time(&self, ms: Option<i64>) {
        self.time.store(ms.unwrap_or(NOW), Ordering::Relaxed);
    }

    fn time(&self) -> String {
        let ms = self.time.load(Ordering::Relaxed);
        time::written(time::at((ms != NOW).then_some(ms)))
    }

    /// The `seq` of the newest frame; 0 when there was none.
    #[must_use]
    pub fn head(&self) -> i64 {
        self.shared.head()
    }

    /// Leaves out sequence numbers: the next frame gets this one.
    pub fn skip_to(&self, seq: i64) {
        self.shared.lock().head = seq - 1;
    }

    /// Forgets what it sent up to a sequence number. Who asks for that is told once
    /// (`OutdatedCursor`) and gets the rest.
    pub fn forget(&self, seq: i64) {
        let mut state = self.shared.lock();
        state.messages.retain(|message| message.seq > seq);
        state.forgotten = seq;
    }

    /// Forgets everything it sent, and numbers from 1 again. Connections are cut.
    pub fn reset(&self) {
        {
            let mut state = self.shared.lock();
            state.messages.clear();
            (state.head, state.forgotten) = (0, 0);
        }
        self.drop_connections(Ending::Reset);
    }

    /// Says neither `OutdatedCursor` nor `FutureCursor`, as the reference relay does: who
    /// asks for too much or too early gets what there is.
    pub fn silent(&self, silent: bool) {
        self.shared.lock().silent = silent;
    }

    /// Does this wrong from now on, on open connections too.
    pub fn faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// Ends every open connection, and goes on accepting new ones.
    pub fn drop_connections(&self, ending: Ending) {
        self.shared.cut.send_replace(Some(ending));
    }

    /// Ends every connection and closes the port: connecting is refused.
    pub async fn stop(&mut self, ending: Ending) {
        self.drop_connections(ending);
        self.server.stop().await;
    }

    /// Listens again, on the same port, with everything it has sent.
    ///
    /// # Panics
    ///
    /// When another process took the port.
    pub async fn resume(&mut self) {
        self.server.resume(self.shared.clone()).await;
    }

    /// Lists these DIDs as those with a declaration, whoever has one.
    pub fn list(&self, dids: Vec<String>) {
        self.own.lock().listed = Some(dids);
    }

    /// Gives no more than so many to a page of the list, whatever is asked.
    pub fn list_page(&self, limit: usize) {
        self.own.lock().page = Some(limit);
    }

    /// Breaks the list, or mends it. A request that hangs is answered once it is mended.
    pub fn list_trouble(&self, trouble: Trouble) {
        self.own.lock().list_trouble = trouble;
    }

    /// Breaks `com.atproto.sync.getRecord`, or mends it.
    pub fn record_trouble(&self, trouble: Trouble) {
        self.own.lock().record_trouble = trouble;
    }

    /// Every request for a page of the list so far, oldest first.
    #[must_use]
    pub fn lists(&self) -> Vec<ListAsked> {
        self.own.lock().lists.clone()
    }

    /// Every request for a record so far, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<RecordAsked> {
        self.own.lock().records.clone()
    }

    /// Every request for the stream so far, oldest first.
    #[must_use]
    pub fn upgrades(&self) -> Vec<Upgrade> {
        self.shared.lock().upgrades.clone()
    }

    /// The cursors of those requests; `None` where there was none.
    #[must_use]
    pub fn cursors(&self) -> Vec<Option<String>> {
        self.upgrades().into_iter().map(|upgrade| upgrade.cursor).collect()
    }

    /// How many streams are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open()
    }

    /// Waits until there were so many requests for the stream in all.
    ///
    /// # Panics
    ///
    /// When it takes longer than 20 s.
    pub async fn wait_for_upgrades(&self, count: usize) {
        let what = format!("the relay: fewer than {count} upgrades");
        self.shared.wait_until(&what, |shared| shared.lock().upgrades.len() >= count).await;
    }

    /// Waits until exactly so many streams are open.
    ///
    /// # Panics
    ///
    /// When it takes longer than 20 s.
    pub async fn wait_for_open(&self, count: usize) {
        let what = format!("the relay: not {count} open streams");
        self.shared.wait_until(&what, |shared| shared.open() == count).await;
    }
}
