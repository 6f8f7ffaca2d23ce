/**
 * The system calls that a container may make: all that programs need, by what they are for, and nothing that
 * reaches past the container (seccomp(2); OCI runtime spec, "Seccomp"). What is not named fails with EPERM.
 * The effect is that of Docker's default profile.
 */

/** Always allowed. Names unknown to a machine's libseccomp or to its architecture are passed over by the runtimes. */
const ALWAYS = {
  files: `access faccessat faccessat2 open openat openat2 creat close close_range dup dup2 dup3
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek
    copy_file_range sendfile sendfile64 splice tee vmsplice readahead
    fadvise64 fadvise64_64 fallocate truncate truncate64 ftruncate ftruncate64
    sync syncfs fsync fdatasync sync_file_range cachestat flock fcntl fcntl64 ioctl
    stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx
    statfs statfs64 fstatfs fstatfs64 umask name_to_handle_at
    chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32
    utime utimes futimesat utimensat utimensat_time64
    getxattr getxattrat lgetxattr fgetxattr setxattr setxattrat lsetxattr fsetxattr
    listxattr listxattrat llistxattr flistxattr removexattr removexattrat lremovexattr fremovexattr`,
  directories: `chdir fchdir getcwd getdents getdents64 mkdir mkdirat rmdir mknod mknodat
    link linkat symlink symlinkat unlink unlinkat rename renameat renameat2 readlink readlinkat
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark statmount listmount`,
  memory: `brk mmap mmap2 munmap mremap mprotect madvise msync mincore mlock mlock2 mlockall munlock munlockall
    remap_file_pages membarrier memfd_create memfd_secret map_shadow_stack mseal
    pkey_alloc pkey_free pkey_mprotect`,
  processes: `execve execveat fork vfork exit exit_group wait4 waitid waitpid
    getpid getppid gettid getpgid getpgrp getsid setpgid setsid
    kill tkill tgkill pidfd_open pidfd_send_signal process_mrelease prctl
    set_tid_address set_thread_area get_thread_area set_robust_list get_robust_list rseq
    futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue
    restart_syscall seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self`,
  identity: `getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32
    getresuid getresuid32 getresgid getresgid32 getgroups getgroups32
    setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32
    setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32
    setgroups setgroups32 capget capset`,
  scheduling: `getpriority setpriority sched_yield sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_getattr sched_setattr
    sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64
    sched_getaffinity sched_setaffinity getcpu ioprio_get ioprio_set
    getrlimit ugetrlimit setrlimit prlimit64 getrusage times sysinfo uname`,
  signals: `alarm pause sigprocmask sigreturn sigaltstack
    rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigreturn rt_sigqueueinfo rt_tgsigqueueinfo
    rt_sigtimedwait rt_sigtimedwait_time64 signalfd signalfd4`,
  time: `time gettimeofday clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 nanosleep adjtimex clock_adjtime clock_adjtime64
    getitimer setitimer timer_create timer_delete timer_getoverrun
    timer_gettime timer_gettime64 timer_settime timer_settime64
    timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,
  waiting: `poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
    eventfd eventfd2 io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64`,
  sockets: `socketpair socketcall bind connect listen accept accept4 shutdown
    getsockname getpeername getsockopt setsockopt
    send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`,
  communication: `pipe pipe2 ipc
    mq_open mq_unlink mq_notify mq_getsetattr
    mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64
    msgget msgctl msgsnd msgrcv semget semctl semop semtimedop semtimedop_time64
    shmget shmat shmctl shmdt getrandom uretprobe`,
  /** Allowed from Linux 4.8 on: before, a tracer could change a call after the filter had seen it. */
  tracing: `ptrace process_vm_readv process_vm_writev`,
};

/** Further calls that a capability opens. */
const BY_CAPABILITY: Readonly<Record<string, string>> = {
  CAP_BPF: "bpf",
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_PERFMON: "perf_event_open",
  CAP_SYS_ADMIN: `mount mount_setattr umount umount2 move_mount open_tree fsopen fsconfig fsmount fspick
    clone clone3 unshare setns sethostname setdomainname quotactl quotactl_fd
    bpf perf_event_open fanotify_init lookup_dcookie syslog
    lsm_get_self_attr lsm_set_self_attr lsm_list_modules`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "init_module finit_module delete_module",
  CAP_SYS_NICE: "get_mempolicy set_mempolicy set_mempolicy_home_node mbind",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise",
  CAP_SYS_RAWIO: "iopl ioperm",
  CAP_SYS_TIME: "settimeofday stime clock_settime clock_settime64",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYSLOG: "syslog",
};

/** The machines that are known: their audit architectures, the 32-bit ones they run as well, and calls of their own. */
const MACHINES: Readonly<Record<string, { architectures: readonly string[]; calls: string }>> = {
  x86_64: {
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    calls: "arch_prctl modify_ldt",
  },
  aarch64: {
    architectures: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    calls: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
  },
};

/** errno.h */
const EPERM = 1;
const ENOSYS = 38;

/** linux/sched.h: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const CLONE_NEW =
  0x0002_0000 + 0x0200_0000 + 0x0400_0000 + 0x0800_0000 + 0x1000_0000 + 0x2000_0000 + 0x4000_0000;

/** sys/socket.h: families through which the host's kernel or hypervisor is reached past the network namespace. */
const AF_ALG = 38;
const AF_VSOCK = 40;

/** sys/personality.h: PER_LINUX, PER_LINUX32, each with UNAME26 or without; and 0xffffffff, which only asks. */
const PERSONALITIES = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

interface Argument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: "SCMP_CMP_LT" | "SCMP_CMP_EQ" | "SCMP_CMP_GT" | "SCMP_CMP_MASKED_EQ";
}

interface Rule {
  readonly names: readonly string[];
  readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
  readonly errnoRet?: number;
  readonly args?: readonly Argument[];
}

/** `linux.seccomp` of an OCI spec. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls: readonly object[];
}

const words = (text: string): readonly string[] => text.split(/\s+/);
const allow = (names: readonly string[], ...args: Argument[]): Rule => ({
  names,
  action: "SCMP_ACT_ALLOW",
  ...(args.length > 0 && { args }),
});

/** The default profile for a machine (`uname -m`) and a container's capabilities. */
export function defaultProfile(machine: string, capabilities: readonly string[]): SeccompProfile {
  const known = MACHINES[machine];
  const admin = capabilities.includes("CAP_SYS_ADMIN");
  const names = new Set([
    ...Object.values(ALWAYS).flatMap(words),
    ...(known ? words(known.calls) : []),
    ...capabilities.flatMap((name) => words(BY_CAPABILITY[name] ?? "")).filter(Boolean),
  ]);
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    ...(known && { architectures: known.architectures }),
    syscalls: [
      allow([...names]),
      allow(["socket"], { index: 0, value: AF_ALG, op: "SCMP_CMP_LT" }),
      allow(["socket"], { index: 0, value: AF_ALG + 1, op: "SCMP_CMP_EQ" }),
      allow(["socket"], { index: 0, value: AF_VSOCK, op: "SCMP_CMP_GT" }),
      ...PERSONALITIES.map((value) => allow(["personality"], { index: 0, value, op: "SCMP_CMP_EQ" })),
      ...(admin
        ? []
        : [
            allow(["clone"], { index: 0, value: CLONE_NEW, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
            // Its flags lie in memory, where a filter can't look: C libraries fall back to clone on ENOSYS.
            { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS } satisfies Rule,
          ]),
    ],
  };
}
