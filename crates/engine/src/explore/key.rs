/// A global state but for its lowest six bits, packed into words, the most significant first, so that keys
/// are ordered as the rows that they stand for.
pub(crate) type Key<const N: usize> = [u64; N];

/// Where each coordinate of a state is in a key.
///
/// A state is a row of coordinates: first its head (the environment and the clients), then each server. All
/// but the last coordinate in the layout's order have a field of their own, wide enough for every number in
/// use. Of the last one the lowest six bits say which bit of the word that goes with the key stands for the
/// state: states that differ only there share a key, 64 of them at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The coordinate whose lowest bits are in the word; never the head.
    last: usize,
    /// For each coordinate how many bits its field has and how far from the least significant end it is.
    fields: Vec<(u32, u32)>,
}

/// How many states share a key: the bits of a word.
const WORD_BITS: u32 = 6;

impl Layout {
    /// A layout for coordinates with at most so many bits each.
    pub(crate) fn new(bits: &[u32], last: usize) -> Layout {
        debug_assert!(0 < last && last < bits.len(), "the last coordinate is a server");
        let mut fields = vec![(0, 0); bits.len()];
        fields[last] = (bits[last].saturating_sub(WORD_BITS), 0);
        let mut shift = fields[last].0;
        for coordinate in (0..bits.len()).rev().filter(|&coordinate| coordinate != last) {
            fields[coordinate] = (bits[coordinate], shift);
            shift += bits[coordinate];
        }
        Layout { last, fields }
    }

    /// Bits in a key.
    pub(crate) fn width(&self) -> u32 {
        self.fields.iter().map(|(bits, _)| bits).sum()
    }

    /// How many coordinates there are.
    pub(crate) fn coordinates(&self) -> usize {
        self.fields.len()
    }

    /// The key with head 0.
    pub(crate) fn without_head<const N: usize>(&self, key: &Key<N>) -> Key<N> {
        let head = self.part::<N>(0, self.number(key, 0));
        std::array::from_fn(|word| key[word] & !head[word])
    }

    pub(crate) fn last(&self) -> usize {
        self.last
    }

    /// For each coordinate how many bits its numbers can have.
    pub(crate) fn bits(&self) -> Vec<u32> {
        let bits = |(coordinate, &(bits, _)): (usize, &(u32, u32))| {
            bits + if coordinate == self.last { WORD_BITS } else { 0 }
        };
        self.fields.iter().enumerate().map(bits).collect()
    }

    /// Whether a coordinate can have this number.
    pub(crate) fn fits(&self, coordinate: usize, number: u32) -> bool {
        let bits = self.fields[coordinate].0 + if coordinate == self.last { WORD_BITS } else { 0 };
        bits >= u32::BITS - number.leading_zeros()
    }

    /// The servers but the last coordinate, in the order of a key.
    pub(crate) fn prefix(&self) -> impl Iterator<Item = usize> {
        (1..self.fields.len()).filter(|&coordinate| coordinate != self.last)
    }

    /// The part of a key that a coordinate makes up; of the last one its chunk of 64.
    pub(crate) fn part<const N: usize>(&self, coordinate: usize, number: u32) -> Key<N> {
        let number = if coordinate == self.last { number >> WORD_BITS } else { number };
        self.field(coordinate, number)
    }

    /// The part of a key for a chunk of the last coordinate.
    pub(crate) fn chunk<const N: usize>(&self, chunk: u32) -> Key<N> {
        self.field(self.last, chunk)
    }

    fn field<const N: usize>(&self, coordinate: usize, number: u32) -> Key<N> {
        let (bits, shift) = self.fields[coordinate];
        debug_assert!(bits >= u32::BITS - number.leading_zeros(), "the number fits into its field");
        let mut key = [0; N];
        if bits > 0 {
            let word = N - 1 - (shift / 64) as usize;
            let wide = u128::from(number) << (shift % 64);
            key[word] = wide as u64;
            if wide >> 64 != 0 {
                key[word - 1] = (wide >> 64) as u64;
            }
        }
        key
    }

    /// The number of a coordinate; of the last one its chunk.
    pub(crate) fn number<const N: usize>(&self, key: &Key<N>, coordinate: usize) -> u32 {
        let (bits, shift) = self.fields[coordinate];
        if bits == 0 {
            return 0;
        }
        let word = N - 1 - (shift / 64) as usize;
        let above = if word > 0 { key[word - 1] } else { 0 };
        let wide = (u128::from(above) << 64 | u128::from(key[word])) >> (shift % 64);
        (wide & ((1 << bits) - 1)) as u32
    }

    /// Writes all coordinates of a key into a row, the last one as the first number of its chunk.
    pub(crate) fn unpack<const N: usize>(&self, key: &Key<N>, row: &mut [u32]) {
        for (coordinate, number) in row.iter_mut().enumerate() {
            *number = self.number(key, coordinate);
        }
        row[self.last] <<= WORD_BITS;
    }

    /// Key and bit of a row.
    pub(crate) fn pack<const N: usize>(&self, row: &[u32]) -> (Key<N>, u64) {
        let mut key = [0; N];
        for (coordinate, &number) in row.iter().enumerate() {
            join(&mut key, &self.part(coordinate, number));
        }
        (key, 1 << (row[self.last] % 64))
    }
}

/// Puts parts of a key together.
pub(crate) fn join<const N: usize>(key: &mut Key<N>, part: &Key<N>) {
    for (word, part) in key.iter_mut().zip(part) {
        *word |= part;
    }
}

/// Calls `visit` with each position of a bit, in order.
pub(crate) fn each_bit(mut word: u64, mut visit: impl FnMut(u32)) {
    while word != 0 {
        visit(word.trailing_zeros());
        word &= word - 1;
    }
}
