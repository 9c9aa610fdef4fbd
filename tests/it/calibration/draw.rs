//! Numbers drawn from a seed: the same seed gives the same worlds, documents and figures on every machine.

/// A number that depends on all of `parts` and looks like nothing of them.
pub fn mix(parts: &[u64]) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for part in parts {
        state ^= part.wrapping_mul(0xd6e8_feb8_6659_fd93);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 31;
    }
    state
}

/// The same as a share, 0 to 1.
pub fn share(parts: &[u64]) -> f64 {
    (mix(parts) >> 11) as f64 / (1u64 << 53) as f64
}

/// A sequence of draws.
pub struct Draw {
    seed: u64,
    count: u64,
}

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    pub fn next(&mut self) -> u64 {
        self.count += 1;
        mix(&[self.seed, self.count])
    }

    /// 0 to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `n`, which is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Between two sizes, each order of magnitude as likely as the next.
    pub fn magnitude(&mut self, from: f64, to: f64) -> f64 {
        from * (to / from).powf(self.unit())
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for i in (1..all.len()).rev() {
            all.swap(i, self.below(i + 1));
        }
    }

    /// `n` of them (or all), in a drawn order.
    pub fn some<T: Copy>(&mut self, all: &[T], n: usize) -> Vec<T> {
        let mut all = all.to_vec();
        self.shuffle(&mut all);
        all.truncate(n);
        all
    }
}
