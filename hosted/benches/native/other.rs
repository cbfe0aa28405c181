//! The other process: this program once more, on the other core. It is told its tasks by lines of JSON, meets the one
//! that measures on the [floor](crate::floor), and answers with a line when a task is done.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use hosted::{Serving, WindowFile, WindowServer};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::copying::Copying;
use crate::cores::{self, Core, Cores};
use crate::floor::Floor;
use crate::flow::Flow;
use crate::integrity::Numbered;
use crate::trips::{Throwing, Trips};
use crate::{Failure, copying, flow, integrity, trips};

/// What the other process may be told to do. Windows are joined at the path of their hub.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub(crate) enum Task {
    /// Throw the ball back.
    Throw(Throwing),
    /// Send frames until it is enough.
    Send(PathBuf, Flow),
    /// Copy into a region until it is enough.
    CopyIn(PathBuf, Copying),
    /// Send frames back.
    Echo(PathBuf, Trips),
    /// Send numbered frames.
    SendNumbered(PathBuf, Numbered),
}

/// What came of a task, as the other process tells it.
type Answer = Result<f64, String>;

/// The other process, as seen from the one that measures.
pub(crate) struct Other {
    child: Child,
    tasks: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Where both are; ours.
    pub(crate) floor: Floor,
    /// Which they are.
    pub(crate) cores: Cores,
    folder: TempDir,
}

/// A task that the other process has been told.
#[must_use = "its answer must be waited for"]
pub(crate) struct Told;

impl Other {
    /// Starts it, and stays on our own core from now on.
    pub(crate) fn start(cores: Cores) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::of("make a temporary folder"))?;
        let floor = Floor::lay()?;
        let path = folder.path().join("floor");
        let serving = serve(&path, floor.window())?;
        let program = env::current_exe().map_err(Failure::of("find this program"))?;
        let mut command = Command::new(program);
        command.arg("--other").arg(&path).arg("--core").arg(cores.there.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Failure::of("start the other process"))?;
        let (Some(tasks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::wrong("the other process has no pipes"));
        };
        let mut other = Self { child, tasks, answers: BufReader::new(answers), floor, cores, folder };
        other.answer(Told)?;
        drop(serving);
        cores::pin(cores.here)?;
        Ok(other)
    }

    /// Ends it and starts another: for when one was left in the middle of a task.
    pub(crate) fn start_anew(&mut self) -> Result<(), Failure> {
        *self = Self::start(self.cores)?;
        Ok(())
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Tells it a task. Both then meet on the floor, and begin.
    pub(crate) fn tell(&mut self, task: &Task) -> Result<Told, Failure> {
        let line = serde_json::to_string(task).map_err(Failure::of("write a task"))?;
        writeln!(self.tasks, "{line}").map_err(Failure::of("tell the other process a task"))?;
        Ok(Told)
    }

    /// Tells it a task in a window that it joins, and waits until it has.
    pub(crate) fn tell_in(&mut self, window: &WindowFile, task: impl FnOnce(PathBuf) -> Task) -> Result<Told, Failure> {
        let path = self.folder.path().join("window");
        let serving = serve(&path, window)?;
        let told = self.tell(&task(path))?;
        // The other has joined before it comes.
        self.floor.meet()?;
        drop(serving);
        Ok(told)
    }

    /// Waits for the answer.
    pub(crate) fn answer(&mut self, _told: Told) -> Result<f64, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(Failure::of("hear the other process"))?;
        if line.is_empty() {
            return Err(Failure::wrong("the other process has ended before its time"));
        }
        let answer: Answer = serde_json::from_str(&line).map_err(Failure::of("understand the other process"))?;
        answer.map_err(|why| Failure::Wrong(format!("in the other process: {why}")))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It has nothing to lose, whatever it is doing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(path: &Path, window: &WindowFile) -> Result<Serving, Failure> {
    let hub = WindowServer::bind(path, window).map_err(Failure::of("hand out a window"))?;
    hub.spawn().map_err(Failure::of("hand out a window"))
}

/// Is the other process: does what it is told until nobody is there who would tell it.
pub(crate) fn be(path: &Path, core: Core) -> Result<(), Failure> {
    cores::pin(core)?;
    let mut floor = Floor::step_onto(path)?;
    let say = |answer: &Answer| -> Result<(), Failure> {
        let line = serde_json::to_string(answer).map_err(Failure::of("write an answer"))?;
        println!("{line}");
        io::stdout().flush().map_err(Failure::of("answer"))
    };
    say(&Ok(0.0))?;
    for line in io::stdin().lock().lines() {
        let line = line.map_err(Failure::of("read a task"))?;
        let task: Task = serde_json::from_str(&line).map_err(Failure::of("understand a task"))?;
        say(&perform(&task, &mut floor).map_err(|why| why.to_string()))?;
    }
    Ok(())
}

fn perform(task: &Task, floor: &mut Floor) -> Result<f64, Failure> {
    match task {
        Task::Throw(throwing) => trips::throw_back(floor, *throwing),
        Task::Send(path, flow) => flow::send(&join(path, floor)?, floor, *flow),
        Task::CopyIn(path, copying) => copying::copy_in(&join(path, floor)?, floor, *copying),
        Task::Echo(path, trips) => trips::echo(&join(path, floor)?, floor, *trips),
        Task::SendNumbered(path, numbered) => integrity::send(&join(path, floor)?, floor, *numbered),
    }
}

/// The partner of [`Other::tell_in`].
fn join(path: &Path, floor: &mut Floor) -> Result<WindowFile, Failure> {
    let window = WindowFile::join(path).map_err(Failure::of("join a window"))?;
    floor.meet()?;
    Ok(window)
}
