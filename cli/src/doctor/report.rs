//! All findings, for people and for programs.

use emulator::colours::Colours;
use partitioner::amount::Count;
use serde::Serialize;

use super::{Finding, Host, Purpose, State, emulated, firmware, kernel, medium, processor};

/// The version of the JSON. It grows when a field changes its meaning or goes; new fields and findings do not count.
const SCHEMA: u32 = 1;

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    /// The version of this command.
    sprig: &'static str,
    /// The distribution, as it names itself.
    distribution: Option<String>,
    /// The kernel's release.
    linux: Option<String>,
    /// The processor's name.
    processor: Option<String>,
    /// The worst of what an emulated box needs.
    emulated_box: State,
    /// The worst of what a box on the machine itself needs.
    real_machine: State,
    findings: Vec<Finding>,
}

impl Report {
    /// Examines a machine.
    pub(crate) fn of(host: &Host) -> Self {
        let looks = [emulated::findings, medium::findings, processor::findings, firmware::findings, kernel::findings];
        let findings: Vec<_> = looks.into_iter().flat_map(|look| look(host)).collect();
        let worst = |purpose| {
            let states = findings.iter().filter(|finding| finding.purpose == purpose).map(|finding| finding.state);
            states.max().unwrap_or(State::Ok)
        };
        Self {
            schema: SCHEMA,
            sprig: env!("CARGO_PKG_VERSION"),
            distribution: host.distribution(),
            linux: host.text("proc/sys/kernel/osrelease"),
            processor: host.processor_field("model name").next().map(str::to_owned),
            emulated_box: worst(Purpose::EmulatedBox),
            real_machine: worst(Purpose::RealMachine),
            findings,
        }
    }

    /// Whether nothing is missing for an emulated box.
    pub(crate) fn can_emulate(&self) -> bool {
        self.emulated_box != State::Missing
    }

    /// The report for people.
    pub(crate) fn text(&self, colours: Colours) -> String {
        let linux = self.linux.as_ref().map(|release| format!("Linux {release}"));
        let about = [self.distribution.clone(), linux, self.processor.clone()];
        let about: Vec<_> = about.into_iter().flatten().collect();
        let about = if about.is_empty() { "a machine of which nothing is known".to_owned() } else { about.join(", ") };
        format!(
            "sprig {}; {about}\n\n\
             For a box in an emulated machine (`sprig run`):\n{}\n\
             For a box on this machine itself (`sprig image`):\n{}\n{}\n",
            self.sprig,
            self.lines(Purpose::EmulatedBox, colours),
            self.lines(Purpose::RealMachine, colours),
            self.conclusion()
        )
    }

    fn lines(&self, purpose: Purpose, colours: Colours) -> String {
        let of_purpose = self.findings.iter().filter(|finding| finding.purpose == purpose);
        of_purpose.map(|finding| finding.line(colours)).collect()
    }

    fn conclusion(&self) -> String {
        let of = |purpose, state| {
            let findings = self.findings.iter().filter(move |it| it.purpose == purpose && it.state == state);
            findings.count()
        };
        let sentence = |what: &str, purpose| match (of(purpose, State::Missing), of(purpose, State::Warn)) {
            (0, 0) => format!("{what}: yes"),
            (0, warnings) => format!("{what}: yes, with {}", Count(warnings, "warning")),
            (missing, _) => format!("{what}: no, {} missing or in the way", Count(missing, "thing")),
        };
        let emulated = sentence("An emulated box can run", Purpose::EmulatedBox);
        format!("{emulated}.\n{}.", sentence("This machine itself can run one", Purpose::RealMachine))
    }
}

impl Finding {
    fn line(&self, colours: Colours) -> String {
        let (word, colour) = match self.state {
            State::Ok => ("ok", "32"),
            State::Warn => ("warn", "33"),
            State::Missing => ("missing", "31"),
        };
        let state = colours.paint(colour, &format!("{word:7}"));
        let help = self.help.as_ref().map(|help| format!("{:26}help: {help}\n", "")).unwrap_or_default();
        format!("  {state}  {:15}{}\n{help}", self.id, self.found)
    }
}
