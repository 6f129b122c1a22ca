//! Changes of inputs, drawn from a seed: bytes flipped, overwritten, cut, doubled, spliced with another input's; lengths made wrong.

use crate::Input;

/// Draws numbers: SplitMix64, the same on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// One of `inputs`, changed a few times.
    pub(crate) fn changed(&mut self, inputs: &[Input]) -> Vec<u8> {
        let mut input = inputs[self.below(inputs.len())].1.clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, inputs);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, inputs: &[Input]) {
        let place = self.below(input.len());
        let length = self.below(16) + 1;
        let end = (place + length).min(input.len());
        match self.below(9) {
            0 => input.truncate(place),
            1 => drop(input.drain(place..end)),
            2 => {
                let doubled = input[place..end].to_vec();
                input.splice(place..place, doubled);
            }
            3 => {
                let new: Vec<u8> = (0..length).map(|_| self.byte()).collect();
                input.splice(place..place, new);
            }
            4 => {
                let other = &inputs[self.below(inputs.len())].1;
                let from = self.below(other.len());
                input.truncate(place);
                input.extend_from_slice(&other[from..]);
            }
            // The values at which lengths and counters turn.
            5 => {
                if let Some(byte) = input.get_mut(place) {
                    *byte = [0x00, 0x01, 0x17, 0x18, 0x19, 0x1B, 0x7F, 0x80, 0xFE, 0xFF][self.below(10)];
                }
            }
            6 => input[place..end].iter_mut().for_each(|byte| *byte = 0xFF),
            _ => {
                let bit = 1 << self.below(8);
                if let Some(byte) = input.get_mut(place) {
                    *byte ^= bit;
                }
            }
        }
    }
}
