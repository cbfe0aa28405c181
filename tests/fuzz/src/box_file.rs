//! Box files: parsed, planned for a few machines, made into what each kernel is given, and carried out.

#![no_main]

mod machines;

use std::fmt;

use libfuzzer_sys::fuzz_target;
use partitioner::address::MemoryRange;
use partitioner::allotment::allotments;
use partitioner::apply::apply;
use partitioner::config::BoxFile;
use partitioner::load_list::{LoadList, steps};
use partitioner::machine::{Machine, StartError, StartMode, Turn, TurnSigns};
use partitioner::pci::PciAddress;
use partitioner::plan::{PartitionPlan, plan};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(complaints) = BoxFile::parse(text) {
        assert!(complaints.iter().flat_map(|it| &it.places).all(|place| text.get(place.span.clone()).is_some()));
        return;
    }
    let Some(request) = machines::request(text, machines::KERNEL) else { return };
    // The machine is chosen by the file, so that the same bytes do the same again.
    for number in [0, bytes.len() as u8] {
        let machine = machines::machine(number);
        let planned = plan(&machine, &request);
        match planned {
            Err(refused) => drop(refused.diagnostics(&request)),
            Ok(planned) => {
                assert_eq!(plan(&machine, &request).as_ref(), Ok(&planned), "the same twice");
                let _ = allotments(&machine, &planned);
                let _ = apply(&planned, &request, planned.window, &mut Nothing);
            }
        }
    }
});

/// A machine on which nothing happens.
struct Nothing;

impl Machine for Nothing {
    fn copy(&mut self, _: MemoryRange, _: u64) {}
    fn write(&mut self, _: u64, _: &[u8]) {}
    fn zero(&mut self, _: MemoryRange) {}
    fn update(&mut self, _: PciAddress, _: u16, _: u16, _: u16) {}

    fn keep(&mut self, _: &PartitionPlan, list: &LoadList) {
        steps(list.bytes()).for_each(|step| assert!(step.is_ok(), "what is recorded is read"));
    }

    fn load(&mut self, _: &LoadList) -> bool {
        true
    }

    fn start(&mut self, _: &PartitionPlan, _: StartMode) -> Result<(), StartError> {
        Ok(())
    }

    fn await_turn(&mut self, _: TurnSigns) -> Turn {
        Turn::Passed
    }

    fn log(&mut self, _: &'static str, detail: fmt::Arguments<'_>) {
        let _ = detail.to_string();
    }
}
