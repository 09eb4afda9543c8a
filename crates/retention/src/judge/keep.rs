//! What a rule keeps of the images that it covers.

use std::cmp::Reverse;

use super::{Judge, Verdict};
use crate::inventory::Repository;
use crate::policy::Rule;
use crate::reason::Reason;

const DAY: i64 = 86_400;

/// An image as one rule sees it.
pub(crate) struct Covered {
    /// Its place in the repository.
    pub(crate) image: usize,
    pub(crate) stamp: i64,
}

impl Judge<'_> {
    /// Notes what this rule keeps. What ties with the last one kept is kept as well.
    pub(super) fn keep(&self, place: usize, rule: &Rule, repository: &Repository, verdicts: &mut [Verdict]) {
        let covered = self.population(place, rule, repository, verdicts);
        let within = self.now.saturating_sub(rule.keep_within.seconds());
        let last = usize::try_from(rule.keep_last).unwrap_or(usize::MAX).checked_sub(1);
        let last = last.and_then(|last| covered.get(last.min(covered.len().checked_sub(1)?)));
        for one in &covered {
            if one.stamp >= within {
                mark(place, &mut verdicts[one.image], Reason::KeepWithin);
            }
            if last.is_some_and(|last| one.stamp >= last.stamp) {
                mark(place, &mut verdicts[one.image], Reason::KeepLast);
            }
        }
        for (number, reason) in [
            (rule.keep_daily, Reason::KeepDaily),
            (rule.keep_weekly, Reason::KeepWeekly),
            (rule.keep_monthly, Reason::KeepMonthly),
            (rule.keep_yearly, Reason::KeepYearly),
        ] {
            self.keep_newest_of_each(place, number, reason, &covered, verdicts);
        }
    }

    /// The images that the rule covers and whose age is known, the newest first. Those of unknown age are noted as that,
    /// and those that were pulled lately as well.
    pub(crate) fn population(
        &self,
        place: usize,
        rule: &Rule,
        repository: &Repository,
        verdicts: &mut [Verdict],
    ) -> Vec<Covered> {
        let mut covered = Vec::new();
        for (at, (image, verdict)) in repository.images.iter().zip(verdicts).enumerate() {
            if verdict.covered >> place & 1 == 0 {
                continue;
            }
            let (stamp, pulled) = self.seen_by(place, image, verdict);
            match stamp {
                Some(stamp) => covered.push(Covered { image: at, stamp }),
                None => mark(place, verdict, Reason::AgeUnknown),
            }
            let lately = rule.keep_pulled_within.map(|time| self.now.saturating_sub(time.seconds()));
            if lately.is_some_and(|lately| pulled.seconds().is_some_and(|pulled| pulled >= lately)) {
                mark(place, verdict, Reason::KeepPulledWithin);
            }
        }
        covered.sort_by_key(|one| (Reverse(one.stamp), one.image));
        covered
    }

    /// The newest of each of the last days, weeks, months or years that have images.
    fn keep_newest_of_each(
        &self,
        place: usize,
        number: u32,
        reason: Reason,
        covered: &[Covered],
        verdicts: &mut [Verdict],
    ) {
        let mut left = number;
        let mut newest: Option<(i64, i64)> = None;
        for one in covered.iter().take_while(|_| number > 0) {
            let period = self.period(one.stamp, reason);
            match newest {
                Some((last, stamp)) if last == period && stamp != one.stamp => continue,
                Some((last, _)) if last == period => {}
                _ if left == 0 => return,
                _ => {
                    left -= 1;
                    newest = Some((period, one.stamp));
                }
            }
            mark(place, &mut verdicts[one.image], reason);
        }
    }

    /// The number of the day, ISO week, month or year in the policy's time zone.
    fn period(&self, stamp: i64, reason: Reason) -> i64 {
        let offset = self.policy.timezone.offset();
        let days = (stamp + i64::from(offset.seconds())).div_euclid(DAY);
        match reason {
            Reason::KeepDaily => days,
            // 1970-01-01 was a Thursday, and weeks begin on Mondays.
            Reason::KeepWeekly => (days + 3).div_euclid(7),
            _ => {
                let date =
                    jiff::Timestamp::from_second(stamp).map(|moment| offset.to_datetime(moment).date());
                let (year, month) = date.map_or((0, 0), |date| (date.year(), date.month()));
                let years = i64::from(year);
                if reason == Reason::KeepYearly { years } else { years * 12 + i64::from(month) }
            }
        }
    }
}

/// Notes at every ref that the rule covers why it does not expire.
fn mark(place: usize, verdict: &mut Verdict, reason: Reason) {
    for one in verdict.refs.iter_mut().filter(|one| one.covered >> place & 1 == 1) {
        one.reasons.add(reason);
    }
}
