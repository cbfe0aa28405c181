//! What all probes of a route do: they steer frames there, set the cards, count meanwhile, and clean up after an error.

use std::time::Duration;

use crate::boxes::counts::counted;
use crate::boxes::offload::{Offload, with_offload};
use crate::boxes::route::Route;
use crate::model::Case;
use crate::probe::{Probe, Sample};

struct Measured<F> {
    route: Route,
    case: Case,
    duration: Duration,
    offload: Offload,
    sample: F,
}

/// The probe of a case that a function measures.
pub(super) fn measured(
    route: Route,
    case: Case,
    duration: Duration,
    offload: Offload,
    sample: impl Fn(&Route) -> anyhow::Result<Sample> + 'static,
) -> Box<dyn Probe> {
    Box::new(Measured { route, case, duration, offload, sample })
}

impl<F: Fn(&Route) -> anyhow::Result<Sample>> Probe for Measured<F> {
    fn case(&self) -> &Case {
        &self.case
    }

    fn sample(&mut self, (): &mut ()) -> anyhow::Result<Sample> {
        let route = &self.route;
        route.steer()?;
        with_offload(route, self.offload, || counted(route, self.duration, || (self.sample)(route)))
    }

    fn recover(&mut self) -> anyhow::Result<()> {
        let ends = [&self.route.from, &self.route.to].map(|end| end.commands.settle());
        ends.into_iter().collect()
    }
}
