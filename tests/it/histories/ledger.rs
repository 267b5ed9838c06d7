//! One consumer as it must be: what it is owed, what it was sent, which acks count.
//!
//! A value that is told what was done and what was received, and says what is wrong. It
//! sees a connection from its far end, so it does not know everything: an event may be on
//! its way, or have gone down with a connection; an ack may be overtaken. Where that makes
//! two answers possible it holds an ack for *perhaps* counted, and waits for something that
//! decides it: the next event of the lane, the consumer's position, or a restart after
//! which the event comes again.

use super::said::{Label, Said};
use super::wish::Wish;
use std::time::{Duration, Instant};

/// After this long an ack survives a crash (contract section 4: a second), its own way
/// included.
const ACK_LASTS: Duration = Duration::from_millis(1_500);

/// Counts what the history does, to tell before from after.
pub(super) type Step = u64;

/// A connection, as far as the ledger cares.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) number: u64,
    /// What it takes.
    pub(super) wish: Wish,
    /// All that was sent on it before this step has been read.
    pub(super) read_until: Step,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ack {
    No,
    /// It may have counted, in this run of the service.
    Perhaps(u64),
    /// It counted by then. `firm`: no copy of the event was under way elsewhere.
    Yes {
        at: Step,
        firm: bool,
        when: Instant,
    },
}

/// One event and this consumer, since it last began.
#[derive(Debug, Clone)]
struct Fate {
    /// A filter that was in force since it was said leaves it out: it may be passed over.
    excused: bool,
    /// On which connections it was received, in this run.
    on: Vec<u64>,
    /// Whether it was ever received.
    came: bool,
    ack: Ack,
    dead: bool,
    /// It was a dead letter and is not any more; others of its lane have gone ahead.
    revived: bool,
    /// What was received may have been sent before the consumer began again.
    vague: bool,
}

/// What an ack is worth.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Worth {
    Counts,
    Perhaps,
    Nothing,
}

/// How the service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Asked,
    Killed,
}

pub(super) struct Rules {
    pub(super) window: usize,
    /// Nothing expires while a history runs.
    pub(super) patient: bool,
    pub(super) max_deliveries: Option<u32>,
}

pub(super) struct Ledger {
    pub(super) name: &'static str,
    rules: Rules,
    pub(super) filter: Wish,
    /// Those in force in this run.
    filters: Vec<Wish>,
    start: i64,
    fates: Vec<Fate>,
    run: u64,
    /// When a setting was last changed, and when it was the place to begin.
    changed_at: Step,
    began_at: Step,
    /// In this run a connection went away with something that nobody read.
    lossy: bool,
    /// How many labels there were when the consumer last began anew.
    before: usize,
    /// What connections of this run take.
    wishes: Vec<Wish>,
}

impl Ledger {
    /// A consumer that begins after `start`.
    pub(super) fn new(
        name: &'static str,
        rules: Rules,
        filter: Wish,
        start: i64,
        said: &Said,
    ) -> Self {
        let mut ledger = Self {
            name,
            rules,
            filters: vec![filter.clone()],
            filter,
            start,
            fates: Vec::new(),
            run: 0,
            changed_at: 0,
            began_at: 0,
            lossy: false,
            before: 0,
            wishes: Vec::new(),
        };
        said.labels.iter().for_each(|label| ledger.said(label));
        ledger
    }

    /// There is one more label.
    pub(super) fn said(&mut self, label: &Label) {
        let excused = !self.filter.owes(label);
        self.fates.push(Fate::new(excused));
    }

    fn owes(&self, said: &Said, place: usize) -> bool {
        let (label, fate) = (&said.labels[place], &self.fates[place]);
        let is_new = label.id.is_none_or(|id| id > self.start);
        !fate.excused && self.filter.owes(label) && (is_new || fate.revived)
    }

    /// Whether this one must be done with before anything behind it, and is not.
    fn blocks(&self, said: &Said, place: usize) -> bool {
        let fate = &self.fates[place];
        let open = fate.ack == Ack::No && !fate.dead && !fate.revived;
        open && (self.owes(said, place) || fate.is_lent())
    }

    fn before<'a>(&'a self, said: &'a Said, place: usize) -> impl Iterator<Item = usize> + 'a {
        (0..place).filter(move |other| said.labels[*other].in_lane_of(&said.labels[place]))
    }

    pub(super) fn opened(&mut self, wish: &Wish) {
        self.wishes.push(wish.clone());
    }

    /// An event came. Answers those that should have been acked or dead before it.
    pub(super) fn received(
        &mut self,
        said: &Said,
        reader: &Reader,
        place: usize,
        step: Step,
    ) -> Result<Vec<usize>, String> {
        let (label, fate) = (&said.labels[place], &self.fates[place]);
        let settings_are_new = reader.read_until < self.changed_at;
        let begin_is_new = reader.read_until < self.began_at;
        if !reader.wish.takes(label) {
            return Err(format!("the connection's filter {:?} leaves it out", reader.wish));
        }
        let once = || self.filters.iter().any(|filter| filter.owes(label));
        let sent_before = !fate.on.is_empty() || ((settings_are_new || self.lossy) && once());
        if !self.filter.owes(label) && !sent_before {
            return Err(format!("the consumer's filter {:?} leaves it out", self.filter));
        }
        let is_old = label.id.is_some_and(|id| id <= self.start);
        if is_old && !begin_is_new && !fate.revived {
            return Err(format!("the consumer begins after {}", self.start));
        }
        if let Ack::Yes { at, firm, .. } = fate.ack
            && (firm || reader.read_until > at)
        {
            return Err(format!("it came again after its ack: {:?}", fate.ack));
        }
        let early = if begin_is_new { Vec::new() } else { self.early(said, place, step) };
        let fate = &mut self.fates[place];
        if matches!(fate.ack, Ack::Perhaps(run) if run < self.run) {
            fate.ack = Ack::No;
        }
        fate.came = true;
        fate.vague |= begin_is_new;
        fate.on.push(reader.number);
        self.window(reader)?;
        Ok(early)
    }

    /// Of what is in front of it in its lane, what is still open. What perhaps was acked was.
    fn early(&mut self, said: &Said, place: usize, step: Step) -> Vec<usize> {
        let before: Vec<usize> = self.before(said, place).collect();
        let early = before.iter().copied().filter(|other| self.blocks(said, *other)).collect();
        for other in before {
            let fate = &mut self.fates[other];
            let unsure = fate.revived || self.rules.max_deliveries.is_some();
            if matches!(fate.ack, Ack::Perhaps(_)) && !unsure {
                fate.ack = Ack::Yes { at: step, firm: false, when: Instant::now() };
            }
        }
        early
    }

    fn window(&self, reader: &Reader) -> Result<(), String> {
        let flies = |fate: &&Fate| {
            fate.on.last() == Some(&reader.number) && fate.ack == Ack::No && !fate.vague
        };
        let flying = self.fates.iter().filter(flies).count();
        if self.rules.patient && flying > self.rules.window {
            return Err(format!("{flying} in flight to connection {}", reader.number));
        }
        Ok(())
    }

    /// Whether this was certainly not sent in this run.
    pub(super) fn is_unsent(&self, said: &Said, place: usize) -> bool {
        let label = &said.labels[place];
        let nobody = self.wishes.iter().all(|wish| !wish.takes(label));
        let behind = self.rules.max_deliveries.is_none()
            && self.before(said, place).any(|other| self.blocks(said, other));
        self.fates[place].on.is_empty() && (nobody || behind)
    }

    /// A connection acks. `alive`: whether that with this number is still open.
    pub(super) fn acked(
        &mut self,
        said: &Said,
        conn: u64,
        place: usize,
        step: Step,
        alive: impl Fn(u64) -> bool,
    ) -> Worth {
        let worth = self.worth(said, conn, place, alive);
        let run = self.run;
        let fate = &mut self.fates[place];
        match worth {
            Worth::Counts => {
                fate.ack = Ack::Yes { at: step, firm: true, when: Instant::now() };
            }
            Worth::Perhaps => fate.ack = Ack::Perhaps(run),
            Worth::Nothing => {}
        }
        worth
    }

    fn worth(&self, said: &Said, conn: u64, place: usize, alive: impl Fn(u64) -> bool) -> Worth {
        let fate = &self.fates[place];
        if matches!(fate.ack, Ack::Yes { .. }) {
            return Worth::Nothing;
        }
        let Some(owner) = fate.on.last().copied() else {
            return if self.is_unsent(said, place) { Worth::Nothing } else { Worth::Perhaps };
        };
        if !self.rules.patient || fate.vague || !alive(owner) || fate.ack != Ack::No {
            return Worth::Perhaps;
        }
        let fenced = fate.on.iter().any(|other| *other != owner);
        match (owner == conn, fenced) {
            (true, _) => Worth::Counts,
            (false, true) => Worth::Nothing,
            // It may have been sent to somebody before this consumer began anew.
            (false, false) if self.lossy || place < self.before => Worth::Perhaps,
            (false, false) => Worth::Counts,
        }
    }

    /// A connection is gone. These acks may have gone with it; `unread`: and events too.
    pub(super) fn closed(&mut self, under_way: &[usize], unread: bool) {
        self.doubt(under_way);
        self.lossy |= unread;
    }

    fn doubt(&mut self, places: &[usize]) {
        for place in places {
            let fate = &mut self.fates[*place];
            if matches!(fate.ack, Ack::Yes { .. }) {
                fate.ack = Ack::Perhaps(self.run);
            }
        }
    }

    /// The service ended, with these acks under way, and runs again.
    pub(super) fn restarted(&mut self, end: End, under_way: &[usize]) {
        self.doubt(under_way);
        let now = Instant::now();
        for fate in &mut self.fates {
            fate.on.clear();
            fate.vague = false;
            if let Ack::Yes { when, .. } = fate.ack
                && end == End::Killed
                && now.duration_since(when) < ACK_LASTS
            {
                fate.ack = Ack::Perhaps(self.run);
            }
        }
        self.run += 1;
        self.before = 0;
        self.lossy = false;
        self.filters = vec![self.filter.clone()];
        self.wishes.clear();
    }

    /// Another filter holds from now on.
    pub(super) fn refiltered(&mut self, said: &Said, filter: Wish, step: Step) {
        for (label, fate) in said.labels.iter().zip(&mut self.fates) {
            fate.excused |= !filter.owes(label);
        }
        self.filters.push(filter.clone());
        self.filter = filter;
        self.changed_at = step;
    }

    /// It begins again, after this id.
    pub(super) fn began(&mut self, said: &Said, start: i64, step: Step) {
        for (label, fate) in said.labels.iter().zip(&mut self.fates) {
            // Whether a dead letter is sent again by this is left open.
            let dead = fate.dead || fate.revived;
            let excused = dead || !self.filter.owes(label);
            *fate = Fate { revived: dead, ..Fate::new(excused) };
        }
        self.start = start;
        self.before = said.labels.len();
        (self.changed_at, self.began_at) = (step, step);
    }

    /// The service says that all up to here is done. Answers what is not, as far as we know.
    pub(super) fn position(&mut self, said: &Said, position: i64, step: Step) -> Vec<usize> {
        let mut early = Vec::new();
        for place in 0..self.fates.len() {
            if said.labels[place].id.is_none_or(|id| id > position || id <= self.start) {
                continue;
            }
            let owed = self.owes(said, place) || self.fates[place].is_lent();
            let fate = &mut self.fates[place];
            match fate.ack {
                Ack::No if owed && !fate.dead && !fate.vague => early.push(place),
                Ack::Perhaps(_) => {
                    fate.ack = Ack::Yes { at: step, firm: false, when: Instant::now() };
                }
                _ => {}
            }
        }
        early
    }

    /// These are its dead letters.
    pub(super) fn dead(&mut self, places: &[usize]) {
        for (place, fate) in self.fates.iter_mut().enumerate() {
            fate.dead = places.contains(&place);
        }
    }

    /// This dead letter is to be sent again.
    pub(super) fn revived(&mut self, place: usize) {
        let excused = self.fates[place].excused;
        self.fates[place] = Fate { revived: true, vague: true, ..Fate::new(excused) };
    }

    pub(super) fn is_dead(&self, place: usize) -> bool {
        self.fates[place].dead
    }

    /// What this connection was sent last and has not acked for certain.
    pub(super) fn unacked_on(&self, conn: u64) -> Vec<usize> {
        self.which(|fate| fate.on.last() == Some(&conn) && !matches!(fate.ack, Ack::Yes { .. }))
    }

    /// What this connection was ever sent and that is not acked for certain. What was read last is
    /// not always what was sent last: of a copy from before the consumer began anew, which lay in
    /// another socket, nobody can tell.
    pub(super) fn received_on(&self, conn: u64) -> Vec<usize> {
        self.which(|fate| fate.on.contains(&conn) && !matches!(fate.ack, Ack::Yes { .. }))
    }

    /// What was sent to one and then to another, and whose ack does not count yet.
    pub(super) fn fenced(&self) -> Vec<(usize, u64)> {
        let fenced = |fate: &Fate| {
            let owner = fate.on.last();
            fate.ack == Ack::No && fate.on.iter().any(|other| Some(other) != owner)
        };
        let places = self.which(fenced).into_iter();
        places.filter_map(|place| Some((place, *self.fates[place].on.last()?))).collect()
    }

    /// What was received and not acked.
    pub(super) fn open(&self) -> Vec<usize> {
        self.which(|fate| !fate.on.is_empty() && fate.ack == Ack::No)
    }

    pub(super) fn done(&self) -> Vec<usize> {
        self.which(|fate| matches!(fate.ack, Ack::Yes { .. }))
    }

    fn which(&self, holds: impl Fn(&Fate) -> bool) -> Vec<usize> {
        let places = self.fates.iter().enumerate().filter(|(_, fate)| holds(fate));
        places.map(|(place, _)| place).collect()
    }

    /// At the end: what it was owed and did not get, or got and could never ack.
    pub(super) fn missing(&self, said: &Said) -> Vec<String> {
        let places = (0..self.fates.len()).filter(|place| {
            let fate = &self.fates[*place];
            self.owes(said, *place) && fate.ack == Ack::No && !fate.dead
        });
        let say = |place: usize| {
            let how = if self.fates[place].came { "unacked, never again" } else { "never" };
            format!("#{place} (id {:?}): {how}", said.labels[place].id)
        };
        places.map(say).collect()
    }

    /// For a failure's message.
    pub(super) fn tell(&self, place: usize) -> String {
        format!("#{place}: {:?}", self.fates[place])
    }
}

impl Fate {
    /// Whether it was certainly sent in this run, since the consumer began.
    fn is_lent(&self) -> bool {
        !self.on.is_empty() && !self.vague
    }

    fn new(excused: bool) -> Self {
        Self {
            excused,
            on: Vec::new(),
            came: false,
            ack: Ack::No,
            dead: false,
            revived: false,
            vague: false,
        }
    }
}
