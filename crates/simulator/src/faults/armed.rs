//! The faults that wait for their request.

use std::cell::LazyCell;

use super::aim::Subject;
use super::spec::{FaultError, check};
use super::{Effect, Fault};

/// The faults that are armed.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Armed>);

#[derive(Debug)]
struct Armed {
    operation: String,
    fault: Fault,
    seen: u64,
}

impl Faults {
    pub(crate) fn arm(&mut self, operation: &str, fault: Fault) -> Result<(), FaultError> {
        check(operation, &fault)?;
        self.0.push(Armed { operation: operation.to_owned(), fault, seen: 0 });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts a request and returns the fault that strikes it. What the request is about is asked only if a fault
    /// could strike it.
    pub(crate) fn strike<'r>(
        &mut self,
        operation: &str,
        subject: impl FnOnce() -> Subject<'r>,
    ) -> Option<Fault> {
        let mut striking = None;
        let subject = LazyCell::new(subject);
        for armed in self.0.iter_mut().filter(|armed| armed.operation == operation) {
            if !armed.fault.aim.meets(&subject) {
                continue;
            }
            if let Effect::RejectIds(rejected) = &armed.fault.effect
                && !subject.ids.iter().any(|id| rejected.contains(id))
            {
                continue;
            }
            armed.seen += 1;
            let due = armed.seen > armed.fault.after
                && (armed.seen - armed.fault.after).is_multiple_of(armed.fault.every)
                && armed.fault.times != Some(0);
            if due && striking.is_none() {
                if let Some(left) = &mut armed.fault.times {
                    *left -= 1;
                }
                striking = Some(armed.fault.clone());
            }
        }
        self.0.retain(|armed| armed.fault.times != Some(0));
        striking
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Recorded;

    fn strike(faults: &mut Faults) -> Option<Fault> {
        let request = Recorded::default();
        faults.strike("image_get", || Subject {
            request: &request,
            ids: Vec::new(),
            repositories: Vec::new(),
        })
    }

    fn strikes(fault: Fault, requests: usize) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.arm("image_get", fault).unwrap();
        (0..requests).map(|_| strike(&mut faults).is_some()).collect()
    }

    #[test]
    fn times_after_and_every_choose_the_requests() {
        assert_eq!(strikes(Fault::hang(), 3), [true, true, true]);
        assert_eq!(strikes(Fault::hang().times(1), 3), [true, false, false]);
        assert_eq!(strikes(Fault::hang().after(1).times(1), 3), [false, true, false]);
        assert_eq!(strikes(Fault::hang().every(2), 4), [false, true, false, true]);
        assert_eq!(strikes(Fault::hang().times(0), 2), [false, false]);
        assert_eq!(strikes(Fault::hang().nth(2), 3), [false, true, false]);
    }

    #[test]
    fn the_fault_that_was_armed_first_strikes_alone() {
        let mut faults = Faults::default();
        faults.arm("image_get", Fault::status(500).times(1)).unwrap();
        faults.arm("image_get", Fault::status(503).times(1)).unwrap();
        faults.arm("image_list", Fault::hang()).unwrap();
        let strike = |faults: &mut Faults| strike(faults).map(|fault| fault.effect);
        assert_eq!(strike(&mut faults), Some(Fault::status(500).effect));
        assert_eq!(strike(&mut faults), Some(Fault::status(503).effect));
        assert_eq!(strike(&mut faults), None);
    }
}
