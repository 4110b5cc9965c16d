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
