use std::io::{PipeReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::namespaces::command::Output;

/// The first bytes of what comes from a pipe; the rest is read and dropped, so that nobody waits.
pub(super) struct Kept {
    so_far: Arc<Mutex<Bytes>>,
    done: Receiver<()>,
}

#[derive(Default)]
pub(super) struct Bytes {
    pub(super) bytes: Vec<u8>,
    pub(super) truncated: bool,
}

impl Kept {
    pub(super) fn begin(mut pipe: PipeReader) -> Kept {
        let so_far = Arc::new(Mutex::new(Bytes::default()));
        let (finished, done) = channel();
        let kept = Kept { so_far: Arc::clone(&so_far), done };
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => {
                        let mut kept = so_far.lock().unwrap_or_else(PoisonError::into_inner);
                        let room = length.min(Output::BYTES_MAX - kept.bytes.len());
                        kept.bytes.extend_from_slice(&buffer[..room]);
                        kept.truncated |= room < length;
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            let _ = finished.send(());
        });
        kept
    }

    /// What came until all was read, or until then.
    pub(super) fn finish(self, end: Instant) -> Bytes {
        let _ = self.done.recv_timeout(end.saturating_duration_since(Instant::now()));
        std::mem::take(&mut self.so_far.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
