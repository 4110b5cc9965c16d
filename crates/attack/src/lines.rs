/// Cuts what a program writes into lines, of which none may be longer than a bound.
#[derive(Debug)]
pub(crate) struct LineBuffer {
    unfinished: Vec<u8>,
    /// Whether the rest of a line that is too long is being skipped.
    skipping: bool,
    bytes_max: usize,
}

impl LineBuffer {
    pub(crate) fn new(bytes_max: usize) -> Self {
        LineBuffer { unfinished: Vec::new(), skipping: false, bytes_max }
    }

    /// Takes bytes, and gives each line that is whole now, without its end, or `None` for one that is too long.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(Option<&[u8]>)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.unfinished.len() + head.len() > self.bytes_max {
                self.unfinished.clear();
                line(None);
            } else if self.unfinished.is_empty() {
                line(Some(head));
            } else {
                self.unfinished.extend_from_slice(head);
                line(Some(&self.unfinished));
                self.unfinished.clear();
            }
        }
        if self.skipping {
            return;
        }
        if self.unfinished.len() + bytes.len() > self.bytes_max {
            self.unfinished = Vec::new();
            self.skipping = true;
            line(None);
        } else {
            self.unfinished.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::Draws;

    /// The twin: all bytes at once.
    fn naive(bytes: &[u8], bytes_max: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
        // What comes after the last end is no line yet, unless it is too long already.
        let last = lines.pop().expect("there is one at least");
        let whole = lines.into_iter().map(|line| (line.len() <= bytes_max).then(|| line.to_vec()));
        whole.chain((last.len() > bytes_max).then_some(None)).collect()
    }

    #[test]
    fn however_bytes_come_the_lines_are_the_same() {
        let mut draws = Draws::new(1);
        for _ in 0..20_000 {
            let length = draws.below(40);
            let bytes: Vec<u8> =
                (0..length).map(|_| if draws.below(4) == 0 { b'\n' } else { b'x' }).collect();
            let bytes_max = draws.below(8) as usize;
            let mut buffer = LineBuffer::new(bytes_max);
            let mut lines = Vec::new();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(draws.below(rest.len() as u64) as usize + 1);
                buffer.feed(head, |line| lines.push(line.map(<[u8]>::to_vec)));
                assert!(buffer.unfinished.len() <= bytes_max);
                rest = tail;
            }
            assert_eq!(lines, naive(&bytes, bytes_max), "{bytes:?} with at most {bytes_max}");
        }
    }
}
