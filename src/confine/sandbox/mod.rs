//! What a worker gives up before it reads its first byte, in this order: inherited files, core dumps, capabilities,
//! the file system and network (Landlock), resources, and all system calls that decoding does not need (seccomp).
//!
//! Each step stands alone: one that the kernel refuses is named in what [`enter`] returns, and the others are still
//! taken. Only our own process is touched, so this must run before it has threads.

mod syscalls;

use std::io;

use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::process::{Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::WorkerLimits;

/// Address space beyond what may be written to: the program's own image and stack.
const IMAGE: u64 = 256 << 20;

/// The first descriptor behind the standard ones.
const FIRST: i32 = 3;

/// Confines this process as far as the kernel grants it; returns what it did not.
pub(super) fn enter(limits: WorkerLimits) -> Vec<String> {
    let mut missing = Vec::new();
    let mut step = |what: &str, result: Result<(), String>| {
        if let Err(why) = result {
            missing.push(format!("{what}: {why}"));
        }
    };
    step("inherited files are not closed", close_inherited().map_err(text));
    step(
        "the worker can be traced",
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).map_err(text),
    );
    step("capabilities are kept", drop_capabilities().map_err(text));
    step("privileges can be gained", rustix::thread::set_no_new_privs(true).map_err(text));
    step("no Landlock", landlock());
    step("resources are not limited", limit(limits).map_err(text));
    step("no seccomp", syscalls::forbid());
    missing
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Closes everything but the three pipes. Ours are all close-on-exec; what the service inherited itself may not be.
fn close_inherited() -> io::Result<()> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        open.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    for descriptor in open.into_iter().filter(|fd| *fd >= FIRST) {
        // The process has just begun and opened nothing that is still in use, so no owner loses its descriptor. The
        // one of the listing itself is closed already, which is no error here.
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}

fn drop_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// No path may be opened, no port bound or connected, no signal sent out and no abstract socket reached. Kernels that
/// know only the older of these rights grant those; seccomp denies the calls behind the others anyway.
fn landlock() -> Result<(), String> {
    let abi = ABI::V6;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(text)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("this kernel does not have it, or it is off at boot".into()),
        _ => Ok(()),
    }
}

/// Memory may be raised by the parent for a large document; nothing else, and by nobody.
fn limit(limits: WorkerLimits) -> io::Result<()> {
    let fixed = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    let memory = limits.memory;
    for (resource, limit) in [
        (Resource::Data, Rlimit { current: Some(memory), maximum: Some(memory + limits.document) }),
        (Resource::As, Rlimit { current: Some(memory + IMAGE), maximum: Some(memory + IMAGE + limits.document) }),
        (Resource::Cpu, fixed(limits.cpu)),
        (Resource::Fsize, fixed(0)),
        (Resource::Nproc, fixed(0)),
        (Resource::Core, fixed(0)),
        (Resource::Memlock, fixed(0)),
        (Resource::Nofile, fixed(FIRST as u64)),
    ] {
        rustix::process::setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Lets the worker `pid` use `more` bytes beyond its own allowance, up to what it was started with.
pub(super) fn grant(pid: rustix::process::Pid, limits: WorkerLimits, more: u64) -> io::Result<()> {
    let more = more.min(limits.document);
    for (resource, base) in [(Resource::Data, limits.memory), (Resource::As, limits.memory + IMAGE)] {
        let limit = Rlimit { current: Some(base + more), maximum: Some(base + limits.document) };
        rustix::process::prlimit(Some(pid), resource, limit)?;
    }
    Ok(())
}
