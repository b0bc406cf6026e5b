use std::io::{PipeWriter, Read as _};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use super::*;

/// Keeps what it is given.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(lock(&self.0).clone()).unwrap()
    }
}

/// As if somebody flushed now and then, but nobody does.
fn unattended<Out>(out: Out) -> Lines<Out> {
    let lines = Lines::to(out);
    lines.may_wait.store(true, Ordering::Release);
    lines
}

fn within(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

#[test]
fn what_is_urgent_takes_along_what_waits_in_order() {
    let kept = Kept::default();
    let lines = unattended(kept.clone());
    lines.add(b"one\n", false);
    lines.add(b"two\n", false);
    assert_eq!(kept.text(), "");
    lines.add(b"warning\n", true);
    assert_eq!(kept.text(), "one\ntwo\nwarning\n");
    lines.add(b"three\n", false);
    assert_eq!(kept.text(), "one\ntwo\nwarning\n");
    lines.flush();
    assert_eq!(kept.text(), "one\ntwo\nwarning\nthree\n");
}

#[test]
fn warnings_are_urgent_but_for_those_of_the_access_log() {
    let kept = Kept::default();
    let lines: &'static _ = Box::leak(Box::new(unattended(kept.clone())));
    let log = tracing_subscriber::fmt().with_writer(lines).finish();
    tracing::subscriber::with_default(log, || {
        tracing::info!("one");
        tracing::warn!(target: "doorward::access", "turned away");
        assert_eq!(kept.text(), "");
        tracing::warn!("careful");
        assert_eq!(kept.text().lines().count(), 3);
        tracing::info!("two");
        tracing::error!(target: "doorward::access", "broken");
        assert_eq!(kept.text().lines().count(), 5);
    });
}

#[test]
fn nothing_waits_where_nobody_flushes() {
    let kept = Kept::default();
    Lines::to(kept.clone()).add(b"one\n", false);
    assert_eq!(kept.text(), "one\n");
}

#[test]
fn so_much_does_not_wait() {
    let kept = Kept::default();
    let lines = unattended(kept.clone());
    let line = [b'x'; 1024];
    for _ in 0..64 {
        lines.add(&line, false);
    }
    assert_eq!(kept.text().len(), 0);
    lines.add(&line, false);
    assert_eq!(kept.text().len(), 65 * 1024);
}

#[test]
fn a_line_waits_so_long_and_no_longer() {
    let kept = Kept::default();
    let lines: &'static _ = Box::leak(Box::new(Lines::to(kept.clone())));
    thread::spawn(|| lines.keep_flushing());
    let flushed = || lines.may_wait.load(Ordering::Acquire);
    assert!(within(Duration::from_secs(10), flushed));
    for number in 1..=3 {
        let began = Instant::now();
        lines.add(b"line\n", false);
        assert!(within(Duration::from_secs(10), || kept.text().len() == 5 * number));
        assert!(
            began.elapsed() >= DELAY,
            "it could have been written with others"
        );
    }
}

/// Lines of several threads, urgent and not: each thread's in its order, none cut, none lost.
#[test]
fn lines_of_many_threads_stay_whole_and_in_order() {
    let kept = Kept::default();
    let lines = unattended(kept.clone());
    thread::scope(|scope| {
        for name in 0..4 {
            let lines = &lines;
            scope.spawn(move || {
                for number in 0..500 {
                    lines.add(format!("{name} {number}\n").as_bytes(), number % 7 == 0);
                }
            });
        }
    });
    lines.flush();
    let text = kept.text();
    for name in 0..4 {
        let own = text
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{name} ")));
        let expected: Vec<_> = (0..500).map(|number| number.to_string()).collect();
        assert_eq!(own.collect::<Vec<_>>(), expected);
    }
    assert_eq!(text.lines().count(), 2_000);
}

/// Says when it is done; nothing until then.
fn begin(
    lines: &Arc<Lines<PipeWriter>>,
    add: impl FnOnce(&Lines<PipeWriter>) + Send + 'static,
) -> mpsc::Receiver<()> {
    let (done, is_done) = mpsc::channel();
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        add(&lines);
        let _nobody_waits_any_more = done.send(());
    });
    is_done
}

/// A pipe that nobody reads: lines are taken while there is room for them, then their threads wait; what
/// is held does not grow, and all of it comes when somebody reads again.
#[test]
fn a_pipe_that_nobody_reads_holds_up_only_who_finds_no_room() {
    const LONG: Duration = Duration::from_secs(20);
    const MOMENT: Duration = Duration::from_millis(200);
    let (mut reader, writer) = io::pipe().unwrap();
    let lines = Arc::new(unattended(writer));

    // More than any pipe holds: its writer is stuck.
    let stuck = begin(&lines, |lines| lines.add(&[b'w'; 4 << 20], true));
    assert!(within(LONG, || lines.out.try_lock().is_err()));
    // Ordinary lines go on.
    let taken = begin(&lines, |lines| {
        for _ in 0..64 {
            lines.add(&[b'i'; 1024], false);
        }
    });
    taken.recv_timeout(LONG).expect("there is room");
    // The next ones find none, however many they are, and no more than one line of each is held.
    let full: Vec<_> = (0..8)
        .map(|_| {
            begin(&lines, |lines| {
                for _ in 0..100 {
                    lines.add(&[b'f'; 1024], false);
                }
            })
        })
        .collect();
    for waits in &full {
        assert_eq!(
            waits.recv_timeout(MOMENT),
            Err(mpsc::RecvTimeoutError::Timeout)
        );
    }
    assert_eq!(lock(&lines.waiting).len(), MOST + 8 * 1024);
    assert!(stuck.try_recv().is_err());

    let everything = (4 << 20) + 64 * 1024 + 8 * 100 * 1024;
    let mut read = vec![0; everything];
    let reading = thread::spawn(move || {
        // The last lines wait for somebody to flush.
        reader.read_exact(&mut read).unwrap();
        read
    });
    for waits in full.iter().chain([&stuck]) {
        waits.recv_timeout(LONG).expect("it goes on");
    }
    lines.flush();
    let read = reading.join().unwrap();
    let first_of = |byte| read.iter().position(|other| *other == byte).unwrap();
    assert_eq!(
        [first_of(b'w'), first_of(b'i'), first_of(b'f')],
        [0, 4 << 20, (4 << 20) + 64 * 1024]
    );
    assert_eq!(
        read.iter().filter(|byte| **byte == b'f').count(),
        800 * 1024
    );
}
