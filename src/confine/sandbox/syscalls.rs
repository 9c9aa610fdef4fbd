//! The system calls that decoding needs, and no others.
//!
//! Two filters, of which the kernel takes the stricter answer. The first allows a short list and answers everything
//! else with `EPERM`: a library that probes for something optional goes on without. The second kills on calls that no
//! decoder ever makes: who calls `execve` here has taken the process over, and is to get no second try.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Allowed whatever the arguments: reading requests, writing frames, memory, time, randomness, an orderly end.
const ALLOWED: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Never made by a decoder: made here, they are an attack.
const HOSTILE: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_memfd_create,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
];

type Filter = Result<BpfProgram, seccompiler::Error>;

/// Installs both filters on this thread.
pub(super) fn forbid() -> Result<(), String> {
    // In this order: the second denies installing any further.
    [kill_list(), allow_list(std::process::id())]
        .into_iter()
        .try_for_each(|filter| seccompiler::apply_filter(&filter?))
        .map_err(|error| error.to_string())
}

fn allow_list(pid: u32) -> Filter {
    use SeccompCmpArgLen::Dword;
    use SeccompCmpOp::{Eq, MaskedEq};
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let condition = |argument, op, value| SeccompCondition::new(argument, Dword, op, value);
    let no_exec = || condition(2, MaskedEq(libc::PROT_EXEC as u64), 0);
    let anonymous = condition(3, MaskedEq(libc::MAP_ANONYMOUS as u64), libc::MAP_ANONYMOUS as u64)?;
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![no_exec()?, anonymous])?]);
    rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![no_exec()?])?]);
    // Aborting is a signal to oneself.
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![condition(0, Eq, u64::from(pid))?])?]);
    let target = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow, target)?.try_into()?)
}

fn kill_list() -> Filter {
    let rules = HOSTILE.iter().map(|call| (*call, Vec::new())).collect();
    let target = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, target)?.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: u32 = 4321;
    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const DENY: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

    /// What the kernel would answer: the filter, run. Only the instructions that the compiler of filters emits.
    fn run(program: &BpfProgram, data: &[u8; 64]) -> u32 {
        let (mut at, mut value) = (0, 0_u32);
        loop {
            let step = &program[at];
            at += 1;
            let jump = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
            match step.code {
                0x20 => value = u32::from_ne_bytes(data[step.k as usize..][..4].try_into().unwrap()),
                0x54 => value &= step.k,
                0x05 => at += step.k as usize,
                0x15 => at += jump(value == step.k),
                0x25 => at += jump(value > step.k),
                0x35 => at += jump(value >= step.k),
                0x06 => return step.k,
                code => panic!("instruction {code:#x}"),
            }
        }
    }

    /// The stricter answer of both filters, as the kernel takes it (`KILL_PROCESS` is the least as a signed number).
    fn verdict(call: c_long, arguments: [u64; 6]) -> u32 {
        let architecture: u32 = if cfg!(target_arch = "x86_64") { 0xC000_003E } else { 0xC000_00B7 };
        let mut data = [0; 64];
        data[..4].copy_from_slice(&(call as u32).to_ne_bytes());
        data[4..8].copy_from_slice(&architecture.to_ne_bytes());
        for (argument, place) in arguments.iter().zip(data[16..].chunks_exact_mut(8)) {
            place.copy_from_slice(&argument.to_ne_bytes());
        }
        [allow_list(PID).unwrap(), kill_list().unwrap()]
            .iter()
            .map(|filter| run(filter, &data))
            .min_by_key(|answer| *answer as i32)
            .unwrap()
    }

    #[test]
    fn of_all_system_calls_only_those_listed_are_allowed() {
        for call in 0..1024 {
            let expected = match call {
                call if HOSTILE.contains(&call) => KILL,
                call if ALLOWED.contains(&call) => ALLOW,
                _ => DENY,
            };
            // Protections and flags that no condition accepts.
            assert_eq!(verdict(call, [0, 0, 7, 0, 0, 0]), expected, "system call {call}");
        }
        assert!(!HOSTILE.iter().any(|call| ALLOWED.contains(call)));
    }

    #[test]
    fn memory_is_never_executable_and_never_a_file() {
        let anonymous = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
        assert_eq!(verdict(libc::SYS_mmap, [0, 4096, 3, anonymous, u64::MAX, 0]), ALLOW);
        assert_eq!(verdict(libc::SYS_mmap, [0, 4096, 7, anonymous, u64::MAX, 0]), DENY);
        assert_eq!(verdict(libc::SYS_mmap, [0, 4096, 1, libc::MAP_PRIVATE as u64, 0, 0]), DENY);
        assert_eq!(verdict(libc::SYS_mprotect, [0, 4096, 3, 0, 0, 0]), ALLOW);
        assert_eq!(verdict(libc::SYS_mprotect, [0, 4096, 5, 0, 0, 0]), DENY);
    }

    #[test]
    fn signals_go_to_the_worker_itself_only() {
        assert_eq!(verdict(libc::SYS_tgkill, [PID.into(), PID.into(), 6, 0, 0, 0]), ALLOW);
        assert_eq!(verdict(libc::SYS_tgkill, [1, 1, 9, 0, 0, 0]), DENY);
        assert_eq!(verdict(libc::SYS_kill, [PID.into(), 9, 0, 0, 0, 0]), KILL);
    }

    #[test]
    fn calls_of_another_architecture_kill() {
        let mut data = [0; 64];
        // `write` of the 32-bit x86 table is number 4.
        data[..4].copy_from_slice(&4_u32.to_ne_bytes());
        data[4..8].copy_from_slice(&0x4000_0003_u32.to_ne_bytes());
        assert_eq!(run(&allow_list(PID).unwrap(), &data), KILL);
    }
}
