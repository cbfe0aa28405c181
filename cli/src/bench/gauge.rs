//! The program `bench-agent` at the ends of a path: floods of frames, each of which is checked, and round trips.

use std::time::Duration;

use serde::Deserialize;

use super::end::{End, Path};
use super::fault::Fault;
use super::task::{Direction, Reading, Wait};

/// The longest frame that Ethernet's ordinary 1,500 bytes make.
pub(super) const ORDINARY_FRAME: u32 = 1514;
/// What a frame has before what counts as a card's MTU.
const HEADER: u32 = 14;
/// How long the two ends may take to meet, and the last frame to be heard of.
const MEETING: Duration = Duration::from_secs(40);

/// What `bench-agent receive` tells.
#[derive(Deserialize)]
struct Received {
    frames: u32,
    bytes: u64,
    seconds: f64,
    corrupt: u32,
    lost: u32,
}

/// What `bench-agent ask` tells.
#[derive(Deserialize)]
struct RoundTrips {
    median: f64,
    percentile_99: f64,
    distribution: Vec<(f64, u64)>,
}

/// Floods of frames of so many bytes: what arrives whole, in bit/s, both ways together.
pub(super) fn frames(path: &Path, bytes: u32, direction: Direction, sample: Duration) -> Result<Reading, Fault> {
    let widened = Widened::for_frames(path, bytes)?;
    let flooded = floods(path, bytes, direction, sample);
    widened.restore()?;
    let mut reading = Reading::of(0.0);
    for received in flooded? {
        reading.value += received.bytes as f64 * 8.0 / received.seconds.max(f64::MIN_POSITIVE);
        reading.sent += f64::from(received.frames + received.lost);
        reading.lost += f64::from(received.lost);
        reading.checked += f64::from(received.frames + received.corrupt);
        reading.corrupt += f64::from(received.corrupt);
    }
    Ok(reading)
}

/// Round trips: their median in nanoseconds, and how they are spread.
pub(super) fn round_trip(path: &Path, wait: Wait, sample: Duration) -> Result<Reading, Fault> {
    let (to, port) = (&path.to, path.to.port() + 1);
    let address = format!("{}:{port}", to.address());
    to.start("answer", &format!("bench-agent answer {address} {}", wait.name()))?;
    let seconds = sample.as_secs().max(1);
    let said = path.from.measure(&format!("bench-agent ask {address} {} {seconds}", wait.name()), sample + MEETING)?;
    let told: RoundTrips = read(&path.from, &said)?;
    to.finish("answer", MEETING)?;
    Ok(Reading { percentile_99: Some(told.percentile_99), distribution: told.distribution, ..Reading::of(told.median) })
}

fn floods(path: &Path, bytes: u32, direction: Direction, sample: Duration) -> Result<Vec<Received>, Fault> {
    let Path { from, to, .. } = path;
    let seconds = sample.as_secs().max(1);
    let send = |from: &End, to: &End| {
        let mac = to.run(&format!("cat /sys/class/net/{}/address", to.card().name()))?;
        Ok::<_, Fault>(format!("bench-agent send {} {mac} {bytes} {seconds}", from.card().name()))
    };
    let receive = |end: &End| format!("bench-agent receive {}", end.card().name());
    to.start("there", &receive(to))?;
    if direction == Direction::BothWays {
        from.start("back", &receive(from))?;
        to.start("sender", &send(to, from)?)?;
    }
    let said = from.measure(&send(from, to)?, sample + MEETING)?;
    let _: serde::de::IgnoredAny = read(from, &said)?;
    let mut received = vec![read(to, &to.finish("there", MEETING)?)?];
    if direction == Direction::BothWays {
        to.finish("sender", sample + MEETING)?;
        received.push(read(from, &from.finish("back", MEETING)?)?);
    }
    Ok(received)
}

fn read<T: for<'a> Deserialize<'a>>(end: &End, said: &str) -> Result<T, Fault> {
    let fault = |_| Fault::Program { end: end.name().to_owned(), program: "bench-agent", said: said.to_owned() };
    serde_json::from_str(said).map_err(fault)
}

/// Cards that take longer frames for a while, and what they had.
struct Widened<'a>(Vec<(&'a End, String)>);

impl<'a> Widened<'a> {
    fn for_frames(path: &'a Path, bytes: u32) -> Result<Widened<'a>, Fault> {
        let mut widened = Widened(Vec::new());
        if bytes > ORDINARY_FRAME {
            for end in [&path.from, &path.to] {
                let had = end.run(&format!("cat /sys/class/net/{}/mtu", end.card().name()))?;
                if had.parse().is_ok_and(|had: u32| had < bytes - HEADER) {
                    set_mtu(end, &(bytes - HEADER).to_string())?;
                    widened.0.push((end, had));
                }
            }
        }
        Ok(widened)
    }

    fn restore(self) -> Result<(), Fault> {
        self.0.iter().try_for_each(|(end, had)| set_mtu(end, had))
    }
}

fn set_mtu(end: &End, mtu: &str) -> Result<(), Fault> {
    end.run(&format!("ip link set {} mtu {mtu}", end.card().name())).map(drop)
}
