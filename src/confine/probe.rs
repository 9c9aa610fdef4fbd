//! What a worker that was taken over might do, for the tests; no release build has it.
//!
//! A document that begins with [`MARK`] is an order: the action's name, then its argument. What came of it is
//! delivered as text (`done …`, `denied: …`), unless the worker did not survive.

use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::Pid;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::net::{AddressFamily, SocketType, socket};

use crate::model::{Batch, ContentSink, Flow, Layout, Shape, Table};

/// How an order begins.
const MARK: &[u8] = b"\0vigie-probe ";

/// Carries out the order that `document` is, if it is one.
pub(super) fn act(document: &[u8], sink: &mut dyn ContentSink) -> Option<Flow> {
    let order = std::str::from_utf8(document.strip_prefix(MARK)?).ok()?;
    let (action, argument) = order.split_once(' ').unwrap_or((order, ""));
    let answer = match attempt(action, argument) {
        Ok(what) => format!("done {what}"),
        Err(error) => format!("denied: {error}"),
    };
    let mut batch = Batch::new(0, Layout::Text);
    batch.text = answer.into_bytes();
    batch.source = batch.text.len();
    sink.table(Table { no: 0, shape: Shape::Text, member: String::new(), header: None });
    Some(sink.batch(&mut batch))
}

fn attempt(action: &str, argument: &str) -> io::Result<String> {
    misbehave(action, argument);
    match action {
        "environment" => Ok(std::env::vars().count().to_string()),
        "read" => std::fs::read_to_string(argument),
        "descriptor" => {
            nix::unistd::close(argument.parse::<i32>().unwrap_or(-1)).map(|()| "open".into()).map_err(Into::into)
        }
        _ => network(action, argument)
            .or_else(|| files(action, argument))
            .or_else(|| processes(action, argument))
            .or_else(|| privileges(action, argument))
            .unwrap_or_else(|| Ok(format!("nothing: no action {action}")))
            .map(|what| if what.is_empty() { action.to_owned() } else { what }),
    }
}

/// What needs no permission.
fn misbehave(action: &str, argument: &str) {
    match action {
        "spin" => {
            let mut turns = 0_u64;
            loop {
                turns = std::hint::black_box(turns.wrapping_add(1));
            }
        }
        "mute" => {
            let _ = nix::unistd::close(1);
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        "panic" => panic!("{argument}"),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(7),
        "recurse" => {
            std::hint::black_box(recurse(1));
        }
        "bomb" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 8 << 20]);
            }
        }
        _ => {}
    }
}

#[allow(unconditional_recursion, reason = "running out of stack is the point")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + frame[7]
}

fn none<T, E: Into<io::Error>>(result: Result<T, E>) -> Option<io::Result<String>> {
    Some(result.map(|_| String::new()).map_err(Into::into))
}

fn network(action: &str, argument: &str) -> Option<io::Result<String>> {
    let family = match action {
        "socket-inet" => AddressFamily::INET,
        "socket-inet6" => AddressFamily::INET6,
        "socket-unix" => AddressFamily::UNIX,
        "socket-netlink" => AddressFamily::NETLINK,
        "socket-packet" => AddressFamily::PACKET,
        "socket-vsock" => AddressFamily::VSOCK,
        "connect" => return none(TcpStream::connect(argument)),
        "connect-descriptor" => {
            let address = "127.0.0.1:1".parse::<std::net::SocketAddr>().ok()?;
            return none(rustix::net::connect(io::stdin(), &address));
        }
        "resolve" => return none(UdpSocket::bind("127.0.0.1:0")),
        _ => return None,
    };
    none(socket(family, SocketType::STREAM, None))
}

fn files(action: &str, argument: &str) -> Option<io::Result<String>> {
    match action {
        "write" => none(std::fs::write(argument, b"x")),
        "append" => none(std::fs::OpenOptions::new().append(true).open(argument)),
        "path" => none(rustix::fs::open(argument, OFlags::PATH, Mode::empty())),
        "list" => none(std::fs::read_dir(argument)),
        "stat" => none(std::fs::metadata(argument)),
        "unlink" => none(std::fs::remove_file(argument)),
        "chmod" => none(rustix::fs::chmod(argument, Mode::from_raw_mode(0o777))),
        "chown" => none(std::os::unix::fs::chown(argument, Some(1), Some(1))),
        "rename" => none(std::fs::rename(argument, format!("{argument}.moved"))),
        "link" => none(std::fs::hard_link(argument, format!("{argument}.linked"))),
        "symlink" => none(std::os::unix::fs::symlink(argument, format!("{argument}.link"))),
        "mkdir" => none(std::fs::create_dir(argument)),
        "truncate" => none(rustix::fs::ftruncate(io::stdout(), 0)),
        "mknod" => none(rustix::fs::mknodat(CWD, argument, rustix::fs::FileType::Fifo, Mode::RWXU, 0)),
        "memfd" => none(rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC)),
        "chdir" => none(std::env::set_current_dir(argument)),
        _ => None,
    }
}

fn processes(action: &str, argument: &str) -> Option<io::Result<String>> {
    let number = argument.parse().unwrap_or(1);
    let pid = rustix::process::Pid::from_raw(number)?;
    match action {
        "exec" => Some(Err(Command::new("/bin/true").exec())),
        "spawn" => none(Command::new("/bin/true").status()),
        "thread" => none(std::thread::Builder::new().spawn(|| ())),
        "ptrace" => none(nix::sys::ptrace::attach(Pid::from_raw(number))),
        "trace-me" => none(nix::sys::ptrace::traceme()),
        "kill" => none(rustix::process::kill_process(pid, rustix::process::Signal::TERM)),
        "kill-all" => none(nix::sys::signal::kill(Pid::from_raw(-1), nix::sys::signal::Signal::SIGTERM)),
        "pidfd" => none(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())),
        "peek" => {
            let mut word = [0; 8];
            let remote = [nix::sys::uio::RemoteIoVec { base: 0x1000, len: 8 }];
            none(nix::sys::uio::process_vm_readv(Pid::from_raw(number), &mut [io::IoSliceMut::new(&mut word)], &remote))
        }
        "nice" => none(rustix::process::setpriority_process(Some(pid), -20)),
        "limit-parent" => {
            let none_left = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
            none(rustix::process::prlimit(Some(pid), rustix::process::Resource::Nofile, none_left))
        }
        _ => None,
    }
}

fn privileges(action: &str, argument: &str) -> Option<io::Result<String>> {
    use rustix::process::{Resource, Rlimit};
    match action {
        "setuid" => none(rustix::thread::set_thread_uid(rustix::thread::Uid::ROOT)),
        "setgid" => none(rustix::thread::set_thread_gid(rustix::thread::Gid::ROOT)),
        "capset" => none(rustix::thread::set_capabilities(
            None,
            rustix::thread::CapabilitySets {
                effective: rustix::thread::CapabilitySet::empty(),
                permitted: rustix::thread::CapabilitySet::empty(),
                inheritable: rustix::thread::CapabilitySet::empty(),
            },
        )),
        "unshare" => none(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)),
        "mount" => {
            none(nix::mount::mount(None::<&str>, argument, Some("tmpfs"), nix::mount::MsFlags::empty(), None::<&str>))
        }
        "umount" => none(nix::mount::umount(argument)),
        "chroot" => none(nix::unistd::chroot(argument)),
        "setns" => none(nix::sched::setns(io::stdin(), nix::sched::CloneFlags::CLONE_NEWNET)),
        "reboot" => none(nix::sys::reboot::set_cad_enabled(false)),
        "personality" => none(nix::sys::personality::set(nix::sys::personality::Persona::ADDR_NO_RANDOMIZE)),
        "hostname" => none(nix::unistd::sethostname("x")),
        "terminal" => none(nix::sys::termios::tcgetattr(io::stdin())),
        "dumpable" => none(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)),
        "raise-limit" => {
            let all = Rlimit { current: None, maximum: None };
            none(rustix::process::setrlimit(Resource::As, all))
        }
        _ => None,
    }
}
