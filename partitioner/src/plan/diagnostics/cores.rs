//! Diagnostics about cores.

use alloc::format;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::wording::{entry, name, place_in};
use crate::amount::Count;
use crate::diagnostic::{Diagnostic, Place};
use crate::inventory::CoreNumber;
use crate::request::Request;

pub(super) fn claimed_twice(request: &Request, cores: &[CoreNumber], first: usize, second: usize) -> Diagnostic {
    let claims = [(second, "claimed here"), (first, "first claimed here")];
    let place = |(partition, label)| Some(Place::new(entry(request, partition)?.cpus.span(), label));
    Diagnostic::new(
        "core-claimed-twice",
        format!("{} claimed by {} and by {}", cores_are(cores), name(request, first), name(request, second)),
        claims.into_iter().filter_map(place).collect(),
        "give each core to one partition",
    )
}

pub(super) fn do_not_exist(request: &Request, cores: &[CoreNumber], partition: usize, machine: usize) -> Diagnostic {
    let help = match machine {
        1 => "its only core is 0".into(),
        _ => format!("its cores are 0 to {}", machine.saturating_sub(1)),
    };
    let (cores, name, machine) = (cores_are(cores), name(request, partition), Count(machine, "core"));
    Diagnostic::new(
        "core-does-not-exist",
        format!("{cores} claimed by {name}, but the machine has only {machine}"),
        claim(request, partition),
        help,
    )
}

pub(super) fn out_of_reach(request: &Request, cores: &[CoreNumber], partition: usize) -> Diagnostic {
    let (cores, name) = (cores_are(cores), name(request, partition));
    Diagnostic::new(
        "core-out-of-reach",
        format!("{cores} claimed by {name}, but no instance can drive a core whose APIC ID is above 254"),
        claim(request, partition),
        "take other cores; Linux drives such a one only with interrupt remapping, which it does not see",
    )
}

/// So many places are shown of an error that concerns every partition.
const PLACES_MOST: usize = 16;

pub(super) fn too_few(
    request: &Request,
    wanted: usize,
    there: usize,
    out_of_reach: usize,
    partition: usize,
) -> Diagnostic {
    let wanted = Count(wanted, "core");
    let message = match out_of_reach {
        0 => format!("the partitions want {wanted}, the machine has {there}"),
        far => format!(
            "the partitions want {wanted}, the machine has {there}, and {far} with APIC IDs above 254, which no instance \
             can drive"
        ),
    };
    let place = |cpus: &toml::Spanned<crate::config::CpuRequest>| {
        Place::new(cpus.span(), Count(cpus.get_ref().cores(), "core").to_string())
    };
    let mut places: Vec<_> = request.entries().map(|(entry, _)| place(&entry.cpus)).collect();
    // The partition that goes short is the main place.
    if let Some(upto) = places.get_mut(..=partition) {
        upto.rotate_right(1);
    }
    let more = places.len().saturating_sub(PLACES_MOST);
    places.truncate(PLACES_MOST);
    let help = match more {
        0 => "ask for fewer cores, or for fewer partitions".into(),
        more => format!("ask for fewer cores, or for fewer partitions; {more} more of them are not shown"),
    };
    Diagnostic::new("too-few-cores", message, places, help)
}

fn claim(request: &Request, partition: usize) -> Vec<Place> {
    place_in(request, partition, |entry| Some(Place::new(entry.cpus.span(), "claimed here")))
}

/// `core 1 is`, `cores 0-3,6 are`.
fn cores_are(cores: &[CoreNumber]) -> String {
    let runs: Vec<String> = cores
        .chunk_by(|before, after| before.0.checked_add(1) == Some(after.0))
        .filter_map(|run| match run {
            [only] => Some(format!("{only}")),
            [first, .., last] => Some(format!("{first}-{last}")),
            [] => None,
        })
        .collect();
    let (noun, verb) = if cores.len() == 1 { ("core", "is") } else { ("cores", "are") };
    format!("{noun} {} {verb}", runs.join(","))
}
