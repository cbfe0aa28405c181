//! Frames by the agent, without IP: what arrives whole, in bit/s, in both directions together. The receiver checks each.

use std::time::Duration;

use anyhow::Result;
use bench_agent::Received;

use super::MEETING;
use crate::boxes::commands::COMMAND_LIMIT;
use crate::boxes::route::{Endpoint, Route};
use crate::boxes::spec::Direction;
use crate::boxes::traffic::ORDINARY_FRAME;
use crate::probe::{Counter, Sample};

/// The part of a frame that does not count for a card's MTU.
const HEADER: u32 = 14;
const AGENT: &str = "bench-agent";

/// Frames of so many bytes, Ethernet header included.
pub(super) fn measure(route: &Route, bytes: u32, direction: Direction, duration: Duration) -> Result<Sample> {
    let widened = widen(route, bytes)?;
    let received = send_and_receive(route, bytes, direction, duration);
    widened.iter().try_for_each(|(end, mtu)| set_mtu(end, mtu))?;
    Ok(sample(&received?))
}

fn sample(received: &[Received]) -> Sample {
    let sum = |of: fn(&Received) -> f64| received.iter().map(of).sum::<f64>();
    let [lost, corrupt] = [sum(|one| f64::from(one.lost)), sum(|one| f64::from(one.corrupt))];
    let whole = sum(|one| f64::from(one.frames));
    let mut sample = Sample::of(sum(|one| one.bytes as f64 * 8.0 / one.seconds.max(f64::MIN_POSITIVE)));
    if whole + lost > 0.0 {
        sample = sample.count("loss", Counter::Share(lost, whole + lost));
    }
    if whole + corrupt > 0.0 {
        let checked = Counter::Sum(whole + corrupt);
        sample = sample.count("checked_frames", checked).count("corrupt_frames", Counter::Sum(corrupt));
    }
    sample
}

fn send_and_receive(route: &Route, bytes: u32, direction: Direction, duration: Duration) -> Result<Vec<Received>> {
    let Route { from, to, .. } = route;
    let (seconds, takes) = (duration.as_secs().max(1), duration + MEETING + COMMAND_LIMIT);
    let send = |from: &Endpoint, to: &Endpoint| -> Result<String> {
        let mac = to.commands.run(&format!("cat /sys/class/net/{}/address", to.card))?;
        Ok(format!("{AGENT} send {} {mac} {bytes} {seconds}", from.card))
    };
    let receive = |end: &Endpoint| format!("{AGENT} receive {}", end.card);
    to.commands.start("there", &receive(to))?;
    if direction == Direction::BothWays {
        from.commands.start("back", &receive(from))?;
        to.commands.start("sender", &send(to, from)?)?;
    }
    from.commands.shell.run(&from.commands.line(&send(from, to)?), takes)?;
    let mut received = vec![to.commands.finish("there", AGENT, MEETING)?];
    if direction == Direction::BothWays {
        to.commands.shell.finish("sender", takes)?;
        received.push(from.commands.finish("back", AGENT, MEETING)?);
    }
    Ok(received)
}

/// Makes the cards take such frames. Returns those that did not, with the MTU that they had.
fn widen(route: &Route, bytes: u32) -> Result<Vec<(&Endpoint, String)>> {
    let (mut widened, mtu) = (Vec::new(), bytes.saturating_sub(HEADER));
    for end in [&route.from, &route.to].into_iter().filter(|_| bytes > ORDINARY_FRAME) {
        let before = end.commands.run(&format!("cat /sys/class/net/{}/mtu", end.card))?;
        if before.parse().is_ok_and(|before: u32| before < mtu) {
            set_mtu(end, &mtu.to_string())?;
            widened.push((end, before));
        }
    }
    Ok(widened)
}

fn set_mtu(end: &Endpoint, mtu: &str) -> Result<()> {
    end.commands.run(&format!("ip link set {} mtu {mtu}", end.card)).map(drop)
}
