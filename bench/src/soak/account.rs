//! What is counted of a soak.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mlspace_registry::{Error, Outcome};

/// What is counted, for all tasks.
#[derive(Default)]
pub(crate) struct Account(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    operations: BTreeMap<&'static str, (u64, Duration)>,
    failures: BTreeMap<String, u64>,
    unknown: BTreeMap<&'static str, u64>,
    outcomes: BTreeMap<&'static str, u64>,
    dropped: u64,
    longest_wait: Duration,
    wrong: Vec<String>,
}

impl Account {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn took(&self, what: &'static str, time: Duration) {
        let mut counts = self.counts();
        let (number, longest) = counts.operations.entry(what).or_default();
        (*number, *longest) = (*number + 1, time.max(*longest));
    }

    pub(crate) fn waited(&self, time: Duration) {
        let mut counts = self.counts();
        counts.longest_wait = counts.longest_wait.max(time);
    }

    pub(crate) fn failed(&self, what: &str, error: &Error) {
        *self.counts().failures.entry(format!("{what}: {error}")).or_default() += 1;
    }

    pub(crate) fn unknown(&self, what: &'static str, is: bool) {
        *self.counts().unknown.entry(what).or_default() += u64::from(is);
    }

    pub(crate) fn dropped(&self, is: bool) {
        self.counts().dropped += u64::from(is);
    }

    pub(crate) fn outcome(&self, outcome: &Outcome) {
        let name = match outcome {
            Outcome::Deleted => "deleted",
            Outcome::NotFound => "not found",
            Outcome::Kept => "kept",
            Outcome::Rejected(_) => "rejected",
            Outcome::Unknown(_) => "unknown",
            _ => "not attempted",
        };
        *self.counts().outcomes.entry(name).or_default() += 1;
    }

    pub(crate) fn wrong(&self, what: String) {
        self.counts().wrong.push(what);
    }

    /// Prints all; answers how many outcomes were wrong.
    pub(crate) fn print(&self) -> usize {
        let counts = self.counts();
        let operations: u64 = counts.operations.values().map(|(number, _)| number).sum();
        println!("operations: {operations}, of which {} were dropped half-way", counts.dropped);
        for (what, (number, longest)) in &counts.operations {
            println!("  {what:<28} {number:>7}, longest {:.2} s", longest.as_secs_f64());
        }
        println!("longest wait before another attempt: {:.2} s", counts.longest_wait.as_secs_f64());
        println!("outcomes of ids: {:?}", counts.outcomes);
        println!("lists of which it is not known whether they are complete: {:?}", counts.unknown);
        println!("failures: {}", counts.failures.values().sum::<u64>());
        for (what, number) in &counts.failures {
            println!("  {number:>5} {what}");
        }
        println!("wrong outcomes: {}", counts.wrong.len());
        for wrong in counts.wrong.iter().take(20) {
            println!("  {wrong}");
        }
        counts.wrong.len()
    }
}
