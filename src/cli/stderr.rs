//! Standard error, where the log goes: written by a thread of its own, so that neither a reader who is slow or gone nor a
//! full disk stops what the program does.
//!
//! Lines wait in memory. What finds no room there, or cannot be written, is dropped; how many lines that were, the log
//! says as soon as it can be written again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// So many bytes wait to be written.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// What waits when the program ends has this long.
const AT_THE_END: Duration = Duration::from_millis(500);

/// A process has one standard error, as it has one log: the queue before it is as global as these are.
static STDERR: OnceLock<Queue> = OnceLock::new();

/// What `tracing` writes a line to.
pub(super) struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        queue().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says a line.
pub(super) fn say(line: &str) {
    queue().push(format!("{line}\n").into_bytes());
}

/// Waits a moment for what was said to be written: the program ends.
pub(super) fn end() {
    if let Some(queue) = STDERR.get() {
        queue.wait(AT_THE_END);
    }
}

fn queue() -> &'static Queue {
    STDERR.get_or_init(|| Queue::start(opened(), tell_of_dropped))
}

/// A handle of its own: the standard library's has a lock, and whoever waits for a slow reader would hold that.
fn opened() -> Box<dyn Write + Send> {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(io::stderr()),
    }
}

fn tell_of_dropped(lines: u64) {
    tracing::error!(
        lines,
        "lines of the log were dropped here: they could not be written, or were read too slowly"
    );
}

/// Writes a line, and tells whether that went well. One of which a part only was written is ended before the next.
fn write(out: &mut impl Write, line: &[u8], is_cut: &mut bool) -> bool {
    if *is_cut && out.write_all(b"\n").is_err() {
        return false;
    }
    let mut left = line;
    while !left.is_empty() {
        match out.write(left) {
            Ok(count) if count > 0 => left = &left[count..],
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    *is_cut = !left.is_empty() && left.len() < line.len();
    left.is_empty()
}

struct Queue {
    shared: Arc<Shared>,
    /// Where no thread can be started, lines are written by whoever says them.
    has_thread: bool,
}

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    is_writing: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next line, once there is one.
    fn next(&self) -> Vec<u8> {
        let mut lines = self.lock();
        loop {
            if let Some(line) = lines.waiting.pop_front() {
                lines.bytes -= line.len();
                lines.is_writing = true;
                return line;
            }
            lines = self.changed.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A line was written, or not; answers how many were dropped before it, to be told now.
    fn written(&self, is_written: bool) -> u64 {
        let mut lines = self.lock();
        let dropped = if is_written { std::mem::take(&mut lines.dropped) } else { 0 };
        lines.dropped += u64::from(!is_written);
        dropped
    }

    /// All that follows a line is done.
    fn done(&self) {
        self.lock().is_writing = false;
        self.changed.notify_all();
    }
}

impl Queue {
    fn start(mut out: impl Write + Send + 'static, tell: impl Fn(u64) + Send + 'static) -> Self {
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let started = thread::Builder::new().name("log".into()).spawn(move || {
            let mut is_cut = false;
            loop {
                let line = of_thread.next();
                match of_thread.written(write(&mut out, &line, &mut is_cut)) {
                    0 => {}
                    dropped => tell(dropped),
                }
                of_thread.done();
            }
        });
        Self { shared, has_thread: started.is_ok() }
    }

    fn push(&self, line: Vec<u8>) {
        if !self.has_thread {
            let _nobody_reads_it = io::stderr().write_all(&line);
            return;
        }
        let mut lines = self.shared.lock();
        if lines.bytes + line.len() > MOST_BYTES {
            lines.dropped += 1;
            return;
        }
        lines.bytes += line.len();
        lines.waiting.push_back(line);
        drop(lines);
        self.shared.changed.notify_all();
    }

    /// Waits until all is written, for so long at most.
    fn wait(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut lines = self.shared.lock();
        while lines.is_writing || !lines.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.shared.changed.wait_timeout(lines, left);
            lines = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Writes as often as it is let, and says what.
    struct Gate(Receiver<bool>, Sender<Vec<u8>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.0.recv().unwrap_or(false) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_the_reader_and_what_was_dropped_is_counted() {
        let (open, gate) = channel();
        let (wrote, written) = channel();
        let (told, dropped) = channel();
        let queue = Queue::start(Gate(gate, wrote), move |lines| told.send(lines).unwrap());
        // The first is with the writer, who waits; the second fills the room.
        queue.push(b"first".to_vec());
        queue.push(vec![b'x'; MOST_BYTES - 5]);
        for _ in 0..3 {
            queue.push(vec![b'y'; 10]);
        }
        queue.wait(Duration::ZERO);
        open.send(true).unwrap();
        assert_eq!(written.recv().unwrap(), b"first");
        assert_eq!(dropped.recv().unwrap(), 3);
        // One that cannot be written is dropped, too.
        open.send(false).unwrap();
        queue.push(b"last".to_vec());
        open.send(true).unwrap();
        assert_eq!(written.recv().unwrap(), b"last");
        assert_eq!(dropped.recv().unwrap(), 1);
        queue.wait(Duration::from_mins(1));
        assert!(queue.shared.lock().waiting.is_empty());
    }

    #[test]
    fn a_line_that_was_cut_ends_before_the_next() {
        let mut is_cut = false;
        let mut disk = [0; 9];
        let mut full = disk.as_mut_slice();
        assert!(write(&mut full, b"whole\n", &mut is_cut));
        assert!(!write(&mut full, b"not so\n", &mut is_cut) && is_cut);
        assert!(!write(&mut full, b"nor this\n", &mut is_cut) && is_cut, "there is still no room");
        assert_eq!(&disk, b"whole\nnot");
        let mut room = Vec::new();
        assert!(write(&mut room, b"next\n", &mut is_cut) && !is_cut);
        assert_eq!(room, b"\nnext\n");
    }
}
