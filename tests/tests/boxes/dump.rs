//! The memory of an instance that has crashed, dumped by another one, and read by the tools that people have for this.

use std::time::Duration;

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchOptions;
use tests::disk::Disk;
use tests::fixture::{self, KERNELS, STABLE, release};
use tests::scene::{Booted, networked_of};
use tests::{Instance, Scene};

use super::restart::await_state;

/// Limit for writing a dump to the emulated disk and reading it, in emulation on a busy host.
const LIMIT: Duration = Duration::from_secs(300);
/// The lines of kernels whose dumps are read, in a soak all of them: each takes a minute and more.
fn lines() -> &'static [&'static str] {
    match std::env::var_os("SPRIG_SOAK_SECONDS") {
        Some(_) => &KERNELS,
        None => &[STABLE],
    }
}

/// Prints the number of the process and the address of the instruction of each core, as the notes of a dump have them.
const CORES: &str = "import struct, sys; \
file = open(sys.argv[1], 'rb').read(4096); \
at, size = struct.unpack_from('<Q16xQ', file, 64 + 8); \
end = at + size\n\
while at < end:\n \
name, len, kind = struct.unpack_from('<III', file, at); body = at + 12 + (name + 3 & ~3); at = body + (len + 3 & ~3)\n \
if kind == 1: print(struct.unpack_from('<i', file, body + 32)[0], hex(struct.unpack_from('<Q', file, body + 240)[0]))";

/// What is in the victim's log before its end.
const BEFORE: &str = "before the crash";

/// What drgn is to do without debugging symbols: to read the names of the system by their virtual address. Debian's drgn
/// has no table of the symbols of 7.2, so the address is that of vmcoreinfo.
const NAMES: &str = "import re; \
address = int(re.search(\"SYMBOL.init_uts_ns.=(.*)\", prog[\"VMCOREINFO\"].string_().decode())[1], 16); \
names = prog.read(address, 512).decode(\"latin1\"); \
print(prog[\"UTS_RELEASE\"].string_().decode(), *re.findall(\"[ -~]{4,}\", names))";

fn name(line: &str) -> String {
    format!("linux-{}", line.replace('.', "-"))
}

/// `web`, which has that disk with a Debian and its tools, and a victim of each line of kernels.
fn box_with(disk: &Disk) -> Booted {
    let example = fixture::example("disk.toml");
    let (text, _) = example.rsplit_once("[[partition]]").expect("the example has two partitions");
    let victims = lines().iter().map(|line| networked_of(&name(line), line, 2, "256MiB"));
    let scene = Scene::new(&format!("{text}{}", victims.collect::<String>()));
    let devices = vec![EmulatedDevice::Nvme(disk.path())];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    scene.boot_with(LaunchOptions::on(machine))
}

fn crash(victim: &Instance<'_>) {
    victim.run(&format!("echo {BEFORE} > /dev/kmsg; dmesg -n 7"));
    victim.send("echo c > /proc/sysrq-trigger");
    victim.wait_for("end Kernel panic");
}

/// Runs a command that takes long.
fn run(instance: &Instance<'_>, command: &str) -> String {
    let ended = instance.shell().try_run(command, LIMIT).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.status, 0, "`{command}` printed:\n{}", ended.output);
    ended.output
}

/// Has makedumpfile write the log that it finds in a dump to a file beside it, and returns the path.
fn log_in(dump: &str, web: &Instance<'_>) -> String {
    let log = format!("{dump}.log");
    run(web, &format!("rm -f {log}; makedumpfile --dump-dmesg {dump} {log} > /dev/null"));
    log
}

fn size(web: &Instance<'_>, path: &str) -> u64 {
    web.number(&format!("stat -c %s {path}"))
}

fn assert_refused(web: &Instance<'_>, command: &str, reason: &str) {
    let (refusal, status) = web.try_run(command);
    assert!(status == 1 && refusal.contains(reason), "`{command}` ended with {status}: {refusal}");
}

/// Asserts that makedumpfile reads the dump of a kernel of that line, and makes a smaller one of it.
fn assert_is_read_by_makedumpfile(web: &Instance<'_>, dump: &str, line: &str) {
    let log = log_in(dump, web);
    let first = run(web, &format!("head -n 1 {log}"));
    assert!(first.contains(&format!("Linux version {}", release(line))), "{line}: not from the first line: {first}");
    run(web, &format!("grep '{BEFORE}' {log}"));
    let last = run(web, &format!("tail -n 1 {log}"));
    assert!(last.contains("end Kernel panic - not syncing: sysrq triggered crash"), "{line}: {last}");
    run(web, &format!("makedumpfile -d 31 -c {dump} {dump}.small"));
    assert!(size(web, &format!("{dump}.small")) < size(web, dump) / 4, "{line}: what is free is left out");
    run(web, &format!("cmp {log} {}", log_in(&format!("{dump}.small"), web)));
}

/// Asserts that drgn reads the names of that system in the dump, and so walks its kernel's page tables.
fn assert_is_read_by_drgn(web: &Instance<'_>, dump: &str, line: &str) {
    let read = run(web, &format!("drgn -q -c {dump} --no-default-symbols -e '{NAMES}'"));
    let (release, name) = (release(line), name(line));
    assert!(read.contains(&format!("{release} Linux {name} {release}")), "{line}: {read}");
}

/// The processes that a dump's notes have, with the addresses of their instructions.
fn cores_in(web: &Instance<'_>, dump: &str) -> Vec<(u64, u64)> {
    let lines = run(web, &format!("python3 -c \"{CORES}\" {dump}"));
    let parse = |line: &str| {
        let (process, at) = line.split_once(" 0x")?;
        Some((process.parse().ok()?, u64::from_str_radix(at, 16).ok()?))
    };
    lines.lines().map(|line| parse(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
}

/// Asserts that a partition that runs stands still while it is dumped, and goes on afterwards.
fn assert_is_frozen_meanwhile(web: &Instance<'_>, victim: &Instance<'_>) {
    let name = &victim.plan.name;
    let process = victim.number("sh -c 'while :; do :; done' > /dev/null & echo $!");
    let runs_at = |dump: &str| cores_in(web, dump).iter().any(|core| core.0 == process && core.1 < 1 << 47);
    // Now and then its kernel does something for itself.
    let is_at_work = (0..5).any(|_| {
        run(web, &format!("sprig dump {name} --freeze --force -o /var/frozen"));
        runs_at("/var/frozen")
    });
    assert!(is_at_work, "process {process} of the victim has its core, and is not in the notes");
    victim.run(&format!("kill {process}"));
    // As long as its reader takes nothing, a dump is not done.
    let meanwhile =
        format!("sprig status; sprig restart {name}; sprig dump {name} --freeze -o /var/second; cat > /dev/null");
    let seen =
        run(web, &format!("sprig dump {name} --freeze -o - | {{ head -c 1 > /dev/null; {{ {meanwhile}; }} 2>&1; }}"));
    assert!(seen.lines().any(|line| line.starts_with(name.as_str()) && line.contains("frozen")), "{seen}");
    assert!(seen.contains(&format!("\"{name}\" is being dumped by web")), "{seen}");
    assert!(seen.contains(&format!("\"{name}\" is held by web")), "{seen}");
    // Nothing is held any longer by one that was killed.
    web.run(&format!("{{ sprig dump {name} --freeze -o - & echo $! > /tmp/dumper; wait; }} | {{ head -c 1; kill -9 $(cat /tmp/dumper); }} | wc -c"));
    await_state(web, name, "running");
    assert_eq!(victim.run("echo goes on"), "goes on");
    assert_eq!(victim.run("dmesg | grep 'NMI received for unknown reason' || true"), "");
    web.run("rm /var/frozen");
}

#[test]
fn the_dump_of_a_crashed_instance_of_any_kernel_is_read_by_makedumpfile_and_drgn() {
    let disk = Disk::with_debian();
    let booted = box_with(&disk);
    let web = booted.instance("web");
    for line in lines() {
        let victim = booted.instance(&name(line));
        let dump = format!("/var/{}", victim.plan.name);
        let verb = format!("sprig dump {} -o", victim.plan.name);
        assert_refused(&web, &format!("{verb} {dump}"), "is running, so a dump would not be of one moment");
        run(&web, &format!("{verb} - --live | head -c 4 | grep -q ELF"));
        assert_is_frozen_meanwhile(&web, &victim);
        crash(&victim);
        run(&web, &format!("{verb} {dump}"));
        let memory = victim.plan.memory_len();
        let headers = size(&web, &dump).checked_sub(memory);
        assert!(
            headers.is_some_and(|len| (4096..=3 * 4096).contains(&len)),
            "{line}: {headers:?} bytes beside all memory"
        );
        let room = 512 * web.number(&format!("stat -c %b {dump}"));
        assert!(room < memory, "{line}: zeros are holes, and so it takes {room} bytes of {memory}");
        assert!(cores_in(&web, &dump).iter().any(|core| core.1 != 0), "{line}: where its cores have stopped");
        assert_is_read_by_makedumpfile(&web, &dump, line);
        assert_is_read_by_drgn(&web, &dump, line);
        assert_refused(&web, &format!("{verb} {dump}"), "already: --force replaces it");
        web.run(&format!("rm {dump} {dump}.small {dump}*.log"));
    }
    // The timer of a kernel that has panicked still ticks. In a stopped partition nothing changes.
    let victim = name(STABLE);
    let verb = format!("sprig dump {victim} -o");
    run(&web, &format!("sprig stop --wait {victim} && {verb} /var/{victim} && {verb} - | cmp - /var/{victim}"));
    assert_refused(&web, &format!("{verb} /dev/full"), "is no file");
    assert_refused(&web, &format!("{verb} - > /dev/full"), "No space left on device");
    assert_eq!(web.run("ls /var/*.part 2> /dev/null | wc -l"), "0", "nothing is left over");
}
