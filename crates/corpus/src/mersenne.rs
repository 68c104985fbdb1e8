//! CPython's `random.Random`: the Mersenne Twister (Matsumoto and Nishimura, 1998) with Python's seeding and drawing.
//!
//! Only for numbers that must equal those of published Python code. Everything of our own draws from
//! [`crate::seed::Rng`].

/// Words of the generator's state.
const STATE: usize = 624;
/// How far apart the words are that make the next one.
const SHIFT: usize = 397;

/// `random.Random(seed)` for a seed that is not negative.
///
/// ```
/// let mut random = corpus::mersenne::Mersenne::new(42);
/// let mut numbers: Vec<u32> = (0..10).collect();
/// random.shuffle(&mut numbers);
/// assert_eq!(numbers, [7, 3, 2, 8, 5, 6, 9, 4, 0, 1]);
/// ```
#[derive(Clone, Debug)]
pub struct Mersenne {
    state: [u32; STATE],
    at: usize,
}

impl Mersenne {
    /// Seeds as Python does: the 32-bit words of the number, lowest first, are the key.
    pub fn new(seed: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32];
        Self::from_key(&words[..if words[1] == 0 { 1 } else { 2 }])
    }

    /// The generator's `init_by_array`.
    fn from_key(key: &[u32]) -> Self {
        let mut state = [0_u32; STATE];
        state[0] = 19_650_218;
        for i in 1..STATE {
            let before = state[i - 1];
            state[i] = 1_812_433_253_u32
                .wrapping_mul(before ^ (before >> 30))
                .wrapping_add(i as u32);
        }
        let mut i = 1;
        for step in 0..STATE.max(key.len()) {
            let j = step % key.len();
            state[i] = mixed(&state, i, 1_664_525)
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i = following(&mut state, i);
        }
        for _ in 1..STATE {
            state[i] = mixed(&state, i, 1_566_083_941).wrapping_sub(i as u32);
            i = following(&mut state, i);
        }
        state[0] = 0x8000_0000;
        Self { state, at: STATE }
    }

    /// The next 32 bits.
    fn next_u32(&mut self) -> u32 {
        if self.at == STATE {
            self.twist();
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..STATE {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % STATE] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + SHIFT) % STATE] ^ (y >> 1) ^ odd;
        }
        self.at = 0;
    }

    /// `random()`: a number in [0, 1) with 53 random bits.
    pub fn random(&mut self) -> f64 {
        let (high, low) = (self.next_u32() >> 5, self.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// `getrandbits(bits)` for up to 64 bits.
    pub fn bits(&mut self, bits: u32) -> u64 {
        assert!(bits <= 64, "at most 64 bits are drawn at once");
        match bits {
            0 => 0,
            1..=32 => u64::from(self.next_u32() >> (32 - bits)),
            _ => {
                let low = u64::from(self.next_u32());
                low | u64::from(self.next_u32() >> (64 - bits)) << 32
            }
        }
    }

    /// `randrange(n)`: a number below `n`, which must not be 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "a number below 0 was asked for");
        let n = n as u64;
        let bits = 64 - n.leading_zeros();
        loop {
            let drawn = self.bits(bits);
            if drawn < n {
                return drawn as usize;
            }
        }
    }

    /// `randrange(first, end, step)` for a step above 0 and a range that is not empty.
    pub fn range(&mut self, first: i64, end: i64, step: i64) -> i64 {
        assert!(step > 0 && end > first, "an empty range was asked for");
        let count = (end - first + step - 1) / step;
        first + step * self.below(count as usize) as i64
    }

    /// `choice(items)`. The slice must not be empty.
    pub fn choice<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// `choices(items, weights, k=1)`, as the position of the item. The weights must have a positive sum.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut sum = 0.0;
        let sums: Vec<f64> = weights
            .iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        let drawn = self.random() * sum;
        sums.partition_point(|&s| s <= drawn).min(weights.len() - 1)
    }

    /// `choices(items, k=1)` without weights, as the position of the item: one `random()`, unlike [`Self::choice`].
    pub fn unweighted(&mut self, count: usize) -> usize {
        (self.random() * count as f64).floor() as usize
    }

    /// `shuffle(items)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// A word of the state mixed with the one before it.
fn mixed(state: &[u32; STATE], i: usize, factor: u32) -> u32 {
    let before = state[i - 1];
    state[i] ^ (before ^ (before >> 30)).wrapping_mul(factor)
}

/// The place after `i`; at the end the last word becomes the first.
fn following(state: &mut [u32; STATE], i: usize) -> usize {
    if i + 1 < STATE {
        return i + 1;
    }
    state[0] = state[STATE - 1];
    1
}
