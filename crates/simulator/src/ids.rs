//! Identifiers that look random and are the same on every run.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A source of identifiers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ids {
    /// The SplitMix64 sequence, the same on every run. Whoever has one of its numbers has all.
    Fixed(u64),
    /// The system's random numbers, for what must be secret.
    Random,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self::Fixed(seed)
    }

    /// For keys, tokens and ids that open something: random if `is_exposed`.
    pub(crate) fn secret(seed: u64, is_exposed: bool) -> Self {
        if is_exposed { Self::Random } else { Self::Fixed(seed) }
    }

    fn number(&mut self) -> u64 {
        let Self::Fixed(state) = self else { return Uuid::new_v4().as_u64_pair().0 };
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below that one.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        // The bias is that of 64 bits, which nobody sees.
        usize::try_from(self.number() % most.max(1) as u64).unwrap_or_default()
    }

    pub(crate) fn uuid(&mut self) -> Uuid {
        let bits = (u128::from(self.number()) << 64) | u128::from(self.number());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// `words` times 16 hexadecimal digits.
    pub(crate) fn hex(&mut self, words: usize) -> String {
        (0..words).map(|_| format!("{:016x}", self.number())).collect()
    }
}
