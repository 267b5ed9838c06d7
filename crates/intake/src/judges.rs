//! The processors that check signatures, shared fairly by all labelers.
//!
//! Checking is the dearest step of the line. Labels are judged in portions; whoever has a
//! portion waits in line for a processor, so a backfill of millions and a labeler that says
//! one thing an hour are served in turn (contract G8). The labels of a portion are judged
//! together, by the tables of multiples that the judges share.

use futures_util::{StreamExt as _, TryStreamExt as _};
use label::Did;
use std::sync::Arc;
use tokio::sync::Semaphore;
use verify::{Held, Judged, Key, KeyTables, KeyTerm, judge_all, judge_all_by_old_keys};
use wire::RawLabel;

/// Labels in one portion, checked together: 5 to 10 ms of work, so that nobody waits long for
/// a turn, and enough for what they share to cost each of them next to nothing.
const PORTION: usize = 256;

/// The same where each of them is checked by itself.
const SMALL_PORTION: usize = 64;

/// The judges. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Judges {
    processors: Arc<Semaphore>,
    count: usize,
    tables: Arc<KeyTables>,
}

/// A judge panicked, or the process is stopping. Nothing was judged.
#[derive(Debug, thiserror::Error)]
#[error("labels could not be judged")]
pub(crate) struct NotJudged;

impl Judges {
    /// So many of them, with tables that take so many bytes at most.
    pub(crate) fn new(processors: usize, key_tables: usize) -> Self {
        let count = processors.max(1);
        let tables = Arc::new(KeyTables::new(key_tables));
        metrics::gauge!("labeltap_key_tables_limit_bytes").set(key_tables as f64);
        Self { processors: Arc::new(Semaphore::new(count)), count, tables }
    }

    /// Judges labels of one labeler and answers in their order.
    pub(crate) async fn judge(
        &self,
        labels: Vec<RawLabel>,
        labeler: &Did,
        key: &Key,
    ) -> Result<Vec<Judged>, NotJudged> {
        let (labeler, key) = (labeler.clone(), key.clone());
        let look = move |labels: &[RawLabel], tables: &KeyTables| {
            judge_all(labels, &labeler, &key, tables)
        };
        self.in_portions(labels, look).await
    }

    /// The same by keys of the past; `None` where none of them makes a label hold.
    pub(crate) async fn judge_by_old_keys(
        &self,
        labels: Vec<RawLabel>,
        labeler: &Did,
        terms: Arc<Vec<KeyTerm>>,
    ) -> Result<Vec<Option<Judged>>, NotJudged> {
        let labeler = labeler.clone();
        let look = move |labels: &[RawLabel], tables: &KeyTables| {
            judge_all_by_old_keys(labels, &labeler, &terms, tables)
        };
        self.in_portions(labels, look).await
    }

    /// To be called every half minute: lets go of tables that were hardly used since.
    pub(crate) fn end_period(&self) {
        self.tables.end_period();
        gauge(self.tables.held());
    }

    async fn in_portions<T: Send + 'static>(
        &self,
        labels: Vec<RawLabel>,
        look: impl Fn(&[RawLabel], &KeyTables) -> Vec<T> + Clone + Send + 'static,
    ) -> Result<Vec<T>, NotJudged> {
        let portion = if self.tables.serve() { PORTION } else { SMALL_PORTION };
        let portions: Vec<Vec<RawLabel>> = labels.chunks(portion).map(<[_]>::to_vec).collect();
        let judged: Vec<Vec<T>> = futures_util::stream::iter(portions)
            .map(|portion| self.portion(portion, look.clone()))
            .buffered(self.count)
            .try_collect()
            .await?;
        Ok(judged.into_iter().flatten().collect())
    }

    async fn portion<T: Send + 'static>(
        &self,
        labels: Vec<RawLabel>,
        look: impl Fn(&[RawLabel], &KeyTables) -> Vec<T> + Send + 'static,
    ) -> Result<Vec<T>, NotJudged> {
        let turn = Arc::clone(&self.processors).acquire_owned().await.map_err(|_| NotJudged)?;
        let tables = Arc::clone(&self.tables);
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let judged = look(&labels, &tables);
            gauge(tables.held());
            judged
        });
        work.await.map_err(|_| NotJudged)
    }
}

fn gauge(held: Held) {
    metrics::gauge!("labeltap_key_tables").set(held.tables as f64);
    metrics::gauge!("labeltap_key_tables_bytes").set(held.bytes as f64);
    metrics::counter!("labeltap_key_tables_built_total").absolute(held.built);
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::{Millis, Verdict};
    use testkit::{Backlog, Curve, LabelSpec, Numbering, Sig, SigningKey, cts, plc_did};

    struct Rig {
        did: Did,
        key: Key,
        labels: Vec<RawLabel>,
    }

    impl Rig {
        /// Labels of one labeler, each said later than the one before. Every tenth is not signed.
        fn new(curve: Curve, count: u64) -> Self {
            let did = plc_did("judges");
            let signer = SigningKey::of(curve, 1);
            let spec = |n: u64| {
                let spec = LabelSpec::new(format!("at://{did}/a.b/{n}"), "spam").cts(cts(n));
                if n % 10 == 3 { spec.sig(Sig::Absent) } else { spec }
            };
            let backlog = Backlog::sign(&did, &signer, Numbering::default(), count, spec);
            let cut = |(_, frame)| match wire::decode(&frame) {
                Ok(wire::Frame::Labels { labels, .. }) => labels,
                other => panic!("{other:?}"),
            };
            let labels = backlog.frames().flat_map(cut).collect();
            let key = Key::from_did_key(&signer.did_key()).unwrap();
            Self { did: Did::parse(&did).unwrap(), key, labels }
        }
    }

    fn shown(judged: &Judged) -> (Verdict, String) {
        match judged {
            Judged::Label { verdict, label, .. } => (*verdict, label.cts.clone()),
            Judged::Refused { verdict, .. } => (*verdict, String::new()),
        }
    }

    fn expected(n: u64, verdict: Verdict) -> (Verdict, String) {
        if n % 10 == 3 { (Verdict::Unsigned, String::new()) } else { (verdict, cts(n)) }
    }

    #[tokio::test]
    async fn answers_are_in_order_whatever_they_are_judged_with() {
        for curve in [Curve::K256, Curve::P256] {
            for key_tables in [0, 1, 64 << 20] {
                let (rig, judges) = (Rig::new(curve, 700), Judges::new(2, key_tables));
                let judged = judges.judge(rig.labels, &rig.did, &rig.key).await.unwrap();
                let judged: Vec<_> = judged.iter().map(shown).collect();
                let expected: Vec<_> = (0..700).map(|n| expected(n, Verdict::Verified)).collect();
                assert_eq!(judged, expected, "{curve:?}, {key_tables} bytes");
            }
        }
    }

    #[tokio::test]
    async fn keys_of_the_past_are_tried_in_order_too() {
        for curve in [Curve::K256, Curve::P256] {
            let (rig, judges) = (Rig::new(curve, 700), Judges::new(2, 64 << 20));
            let until = Some(Millis(i64::MAX));
            let terms = Arc::new(vec![KeyTerm { key: rig.key, from: Millis(0), until }]);
            let judged = judges.judge_by_old_keys(rig.labels, &rig.did, terms).await.unwrap();
            let judged: Vec<_> = judged.iter().map(|one| one.as_ref().map(shown)).collect();
            let expected =
                |n| Some(expected(n, Verdict::VerifiedOldKey)).filter(|it| !it.1.is_empty());
            assert_eq!(judged, (0..700).map(expected).collect::<Vec<_>>(), "{curve:?}");
        }
    }

    #[tokio::test]
    async fn tables_end_with_the_period_after_the_last_use() {
        let judges = Judges::new(2, 64 << 20);
        for curve in [Curve::K256, Curve::P256] {
            let rig = Rig::new(curve, 700);
            judges.judge(rig.labels, &rig.did, &rig.key).await.unwrap();
        }
        judges.end_period();
        assert_eq!(judges.tables.held().tables, 2);
        judges.end_period();
        assert_eq!(judges.tables.held().tables, 0);
    }
}
