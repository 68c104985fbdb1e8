use super::{
    Found, HostsError, Launch, LaunchError, Launcher, Machine, Node, Variables, expand, lookup,
    threads,
};

fn variables(text: &str) -> Variables {
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    Variables::of(text.split_whitespace().filter_map(pair))
}

fn find(processes: Option<usize>, text: &str) -> Result<Found, LaunchError> {
    lookup(processes, Machine { gpus: 4, cpus: 16 }, &variables(text))
}

fn process(text: &str) -> Launch {
    match find(None, text) {
        Ok(Found::Process(launch)) => launch,
        other => panic!("{text}: {other:?}"),
    }
}

fn node(processes: Option<usize>, text: &str) -> Node {
    match find(processes, text) {
        Ok(Found::Node(node)) => node,
        other => panic!("{text}: {other:?}"),
    }
}

const TORCHRUN: &str = "RANK=5 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=4 GROUP_RANK=1 GROUP_WORLD_SIZE=2 \
    ROLE_RANK=5 ROLE_WORLD_SIZE=8 MASTER_ADDR=node-0 MASTER_PORT=29400 TORCHELASTIC_RUN_ID=my \
    TORCHELASTIC_RESTART_COUNT=2 TORCHELASTIC_MAX_RESTARTS=3 TORCHELASTIC_USE_AGENT_STORE=True OMP_NUM_THREADS=1";

const SRUN: &str = "SLURM_JOB_ID=4711 SLURM_STEP_ID=2 SLURM_STEPID=2 SLURM_PROCID=5 SLURM_LOCALID=1 SLURM_NODEID=1 \
    SLURM_NTASKS=8 SLURM_STEP_NUM_TASKS=8 SLURM_STEP_NUM_NODES=2 SLURM_STEP_TASKS_PER_NODE=4(x2) \
    SLURM_STEP_NODELIST=gpu[03-04] SLURM_JOB_NODELIST=gpu[01-04] SLURM_CPUS_ON_NODE=32";

const MPIRUN: &str = "OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=3 \
    OMPI_COMM_WORLD_LOCAL_SIZE=4 OMPI_UNIVERSE_SIZE=4 PMIX_RANK=3 PMIX_NAMESPACE=prterun-host-4242@1";

const PET: &str = "PET_NNODES=2 PET_NPROC_PER_NODE=auto PET_NODE_RANK=1 PET_MASTER_ADDR=my-node-0-0.my \
    PET_MASTER_PORT=29400 PET_RDZV_ID=my ADAMLLM_RESTART=1";

#[test]
fn nobody_started_it() {
    for text in [
        "",
        "HOME=/root PATH=/bin",
        // A job's script, be it of an array, and a step of one task.
        "SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NTASKS=8 SLURM_TASKS_PER_NODE=4(x2)",
        "SLURM_JOB_ID=7 SLURM_ARRAY_JOB_ID=6 SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=8 SLURM_PROCID=0 SLURM_NTASKS=1",
        "SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_STEP_NUM_TASKS=1",
        "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=1",
        "JOB_COMPLETION_INDEX=3",
        "PET_NNODES=1 PET_NPROC_PER_NODE=1",
        "SKYPILOT_NODE_RANK=0 SKYPILOT_NODE_IPS=10.0.0.1 SKYPILOT_NUM_GPUS_PER_NODE=0",
    ] {
        assert_eq!(find(None, text), Ok(Found::Alone), "{text}");
    }
}

#[test]
fn torchrun_s_agent_serves_the_store() {
    let expected = Launch {
        launcher: Launcher::Torchrun,
        rank: 5,
        size: 8,
        local_rank: 1,
        local_size: 4,
        address: "node-0".to_owned(),
        port: 29400,
        serves: false,
        id: "my".to_owned(),
        restart: 2,
    };
    assert_eq!(process(TORCHRUN), expected);
    let own = TORCHRUN.replace("STORE=True", "STORE=False");
    assert!(process(&own).serves);
}

#[test]
fn ranks_without_torchrun() {
    let common = "RANK=3 WORLD_SIZE=4 MASTER_PORT=1234";
    let at = |rest: &str| {
        let launch = process(&format!("{common} {rest}"));
        assert_eq!(launch.launcher, Launcher::Variables);
        assert!(launch.serves);
        (launch.local_rank, launch.local_size)
    };
    // A process a machine; all on this one; half of them here.
    assert_eq!(at("MASTER_ADDR=pod-0.job"), (0, 1));
    assert_eq!(at("MASTER_ADDR=127.0.0.1"), (3, 4));
    assert_eq!(at("MASTER_ADDR=localhost LOCAL_RANK=3"), (3, 4));
    assert_eq!(
        at("MASTER_ADDR=pod-0 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2"),
        (1, 2)
    );
    let launch = process("RANK=0 WORLD_SIZE=1");
    assert_eq!((launch.size, launch.local_size), (1, 1));
    // A launcher's more particular variables come first.
    assert_eq!(process(&format!("{TORCHRUN} {PET} {SRUN}")).size, 8);
}

#[test]
fn what_is_started_finds_what_it_was_given() {
    let node = Node {
        rank: 1,
        nodes: 3,
        processes: 2,
        address: "a".to_owned(),
        port: None,
        id: "7".to_owned(),
        restart: 4,
    };
    for local in 0..2 {
        let launch = node.launch(local, 2900);
        assert_eq!((launch.rank, launch.size), (2 + local, 6));
        let variables = Variables::of(launch.variables());
        let found = lookup(None, Machine::default(), &variables);
        assert_eq!(found, Ok(Found::Process(launch.clone())));
        // With the flag that the first process was given.
        let all = [("ADAMLLM_PARENT", "9".to_owned())];
        let variables = Variables::of(launch.variables().into_iter().chain(all));
        let found = lookup(Some(2), Machine::default(), &variables);
        assert_eq!(found, Ok(Found::Process(launch)));
    }
}

#[test]
fn processes_of_this_machine() {
    let started = node(Some(3), "");
    assert_eq!((started.nodes, started.processes), (1, 3));
    assert_eq!(
        (started.address.as_str(), started.port),
        ("127.0.0.1", None)
    );
    assert_eq!(find(Some(1), ""), Ok(Found::Alone));
    // In a job's script too.
    let text = "SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_NTASKS=8";
    assert_eq!(node(Some(3), text).processes, 3);
}

#[test]
fn tasks_of_a_step() {
    let expected = Launch {
        launcher: Launcher::Slurm,
        rank: 5,
        size: 8,
        local_rank: 1,
        local_size: 4,
        address: "gpu03".to_owned(),
        port: 20_000 + (4711 * 7 + 2) % 8_000,
        serves: true,
        id: "4711.2".to_owned(),
        restart: 0,
    };
    assert_eq!(process(SRUN), expected);
    let given = process(&format!(
        "{SRUN} MASTER_ADDR=x MASTER_PORT=9 SLURM_RESTART_COUNT=3"
    ));
    assert_eq!(
        (given.address.as_str(), given.port, given.restart),
        ("x", 9, 3)
    );
    // Machines of different sizes; one machine.
    let uneven = SRUN.replace("4(x2)", "5,3(x1)");
    assert_eq!(process(&uneven).local_size, 3);
    let one = SRUN.replace("4(x2)", "8").replace("NODEID=1", "NODEID=0");
    assert_eq!(process(&one).address, "127.0.0.1");
    // By PMIx and by PMI-2 the same.
    assert_eq!(process(&format!("{SRUN} PMIX_RANK=5")), expected);
    assert_eq!(process(&format!("{SRUN} PMI_RANK=5 PMI_SIZE=8")), expected);
}

#[test]
fn processes_of_an_mpi() {
    let launch = process(MPIRUN);
    assert_eq!(
        (launch.launcher, launch.rank, launch.size),
        (Launcher::Mpi, 3, 4)
    );
    assert_eq!((launch.local_rank, launch.local_size), (3, 4));
    assert_eq!(launch.address, "127.0.0.1");
    assert!((20_000..28_000).contains(&launch.port));
    // On a second machine, whose daemon Slurm started.
    let text = MPIRUN
        .replace("LOCAL_RANK=3", "LOCAL_RANK=1")
        .replace("LOCAL_SIZE=4", "LOCAL_SIZE=2");
    let text = format!(
        "{text} SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1 SLURM_JOB_NODELIST=n[1-2]"
    );
    assert_eq!(process(&text).address, "n1");
    // Of two processes on the first machine, where daemons on two are a step of two tasks.
    let daemons = "SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2 SLURM_LOCALID=0 \
                   SLURM_STEP_TASKS_PER_NODE=1(x2) SLURM_JOB_NODELIST=n[1-2]";
    for rank in 0..2 {
        let of_open_mpi = format!(
            "OMPI_COMM_WORLD_RANK={rank} OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK={rank} OMPI_COMM_WORLD_LOCAL_SIZE=2 {daemons}"
        );
        let of_mpich = format!(
            "PMI_RANK={rank} PMI_SIZE=2 MPI_LOCALRANKID={rank} MPI_LOCALNRANKS=2 {daemons}"
        );
        for text in [of_open_mpi, of_mpich] {
            let launch = process(&text);
            assert_eq!((launch.launcher, launch.rank), (Launcher::Mpi, rank));
            assert_eq!((launch.local_size, launch.id.as_str()), (2, "7"));
        }
    }
    let launch = process("PMI_RANK=1 PMI_SIZE=2 MPI_LOCALRANKID=0 MPI_LOCALNRANKS=1 MASTER_ADDR=a");
    assert_eq!((launch.rank, launch.local_size), (1, 1));
    let launch = process("PMI_RANK=1 PMI_SIZE=2");
    assert_eq!((launch.local_rank, launch.local_size), (1, 2));
}

#[test]
fn machines_that_are_to_start_their_processes() {
    let found = node(None, PET);
    assert_eq!((found.rank, found.nodes, found.processes), (1, 2, 4));
    assert_eq!(found.address, "my-node-0-0.my");
    assert_eq!(found.port, Some(29400));
    assert_eq!((found.id.as_str(), found.restart), ("my", 1));
    assert_eq!(found.launch(3, 1).rank, 7);
    let by = |each: &str| node(None, &PET.replace("auto", each)).processes;
    assert_eq!((by("gpu"), by("cpu"), by("3")), (4, 16, 3));
    assert_eq!(node(Some(2), PET).processes, 2);
    // A process a machine is started already.
    let launch = process(&PET.replace("auto", "1"));
    assert_eq!((launch.rank, launch.size, launch.local_size), (1, 2, 1));
    assert_eq!(node(None, &PET.replace("NNODES=2", "NNODES=2:2")).nodes, 2);
    assert_eq!(node(None, "PET_NPROC_PER_NODE=2").port, None);
    // The first version of Kubeflow, whose RANK is the machine's.
    let first = "RANK=1 WORLD_SIZE=8 MASTER_ADDR=my-master-0 MASTER_PORT=23456";
    assert_eq!(node(None, &format!("{first} {PET}")).processes, 4);

    let sky = Variables::of([
        ("SKYPILOT_NODE_RANK", "1"),
        ("SKYPILOT_NODE_IPS", "10.0.0.1\n10.0.0.2"),
        ("SKYPILOT_NUM_NODES", "2"),
        ("SKYPILOT_NUM_GPUS_PER_NODE", "8"),
        ("SKYPILOT_TASK_ID", "sky-2026-01-01_my-1"),
    ]);
    let Ok(Found::Node(found)) = lookup(None, Machine::default(), &sky) else {
        panic!("a machine")
    };
    assert_eq!((found.rank, found.nodes, found.processes), (1, 2, 8));
    assert_eq!(found.address, "10.0.0.1");
    assert!(
        found
            .port
            .is_some_and(|port| (20_000..28_000).contains(&port))
    );
}

#[test]
fn what_cannot_be_is_said_in_a_sentence() {
    let check = |processes, text: &str, said: &str| {
        let error = find(processes, text).expect_err(text).to_string();
        assert!(error.contains(said), "{text}: {error}");
        assert!(!error.contains('\n') && !error.ends_with('.'), "{error}");
    };
    let both = "MASTER_ADDR=a MASTER_PORT=1";
    check(None, "RANK=0", "`RANK` is set, but `WORLD_SIZE` is not");
    check(
        None,
        "WORLD_SIZE=4",
        "`WORLD_SIZE` is set, but `RANK` is not",
    );
    check(None, "RANK= WORLD_SIZE=4", "`RANK` is not");
    check(
        None,
        &format!("RANK=4 WORLD_SIZE=4 {both}"),
        "ranks go from 0 to 3",
    );
    check(
        None,
        "RANK=x WORLD_SIZE=4",
        "`RANK` is `x`; expected a whole number",
    );
    check(None, "RANK=0 WORLD_SIZE=0", "`WORLD_SIZE` is `0`");
    check(None, "RANK=-1 WORLD_SIZE=2", "`RANK` is `-1`");
    check(None, "RANK=0 WORLD_SIZE=4", "`MASTER_ADDR` is not set");
    check(
        None,
        "RANK=0 WORLD_SIZE=4 MASTER_ADDR= MASTER_PORT=1",
        "`MASTER_ADDR` is not set or empty",
    );
    check(
        None,
        "RANK=0 WORLD_SIZE=4 MASTER_ADDR=a",
        "`MASTER_PORT` is not set",
    );
    check(
        None,
        "RANK=0 WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=70000",
        "`MASTER_PORT` is `70000`",
    );
    check(
        None,
        "RANK=0 WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=0",
        "expected a port",
    );
    check(
        None,
        &format!("RANK=0 WORLD_SIZE=4 {both} LOCAL_RANK=0"),
        "`LOCAL_WORLD_SIZE` is not",
    );
    check(
        None,
        &format!("RANK=0 WORLD_SIZE=4 {both} LOCAL_WORLD_SIZE=2"),
        "`LOCAL_RANK` is not",
    );
    check(
        None,
        &format!("RANK=0 WORLD_SIZE=4 {both} LOCAL_RANK=2 LOCAL_WORLD_SIZE=2"),
        "`LOCAL_RANK` is 2",
    );
    check(
        None,
        &format!("RANK=0 WORLD_SIZE=4 {both} LOCAL_RANK=2 LOCAL_WORLD_SIZE=8"),
        "`LOCAL_WORLD_SIZE` is 8",
    );
    check(
        Some(4),
        TORCHRUN,
        "`--processes 4` would start processes, but by `RANK` this process is one of 8",
    );
    check(Some(2), SRUN, "by `SLURM_PROCID`");
    check(Some(2), MPIRUN, "by `OMPI_COMM_WORLD_RANK or PMI_RANK`");
    check(
        None,
        &SRUN.replace("4(x2)", "4"),
        "says nothing of machine 1",
    );
    check(
        None,
        &SRUN.replace("4(x2)", "4(2)"),
        "expected the tasks of each machine",
    );
    check(
        None,
        &SRUN.replace("gpu[03-04]", "gpu[03"),
        "bracket that is never closed",
    );
    check(
        None,
        &SRUN.replace("SLURM_LOCALID=1", ""),
        "`SLURM_LOCALID` is not",
    );
    check(
        None,
        "OMPI_COMM_WORLD_RANK=0",
        "`OMPI_COMM_WORLD_SIZE` is not",
    );
    let apart = MPIRUN
        .replace("LOCAL_RANK=3", "LOCAL_RANK=0")
        .replace("LOCAL_SIZE=4", "LOCAL_SIZE=1");
    check(None, &apart, "`MASTER_ADDR` is not set");
    check(
        None,
        "PMIX_RANK=1 PMIX_NAMESPACE=x",
        "nothing says how many",
    );
    check(None, &PET.replace("NNODES=2", "NNODES=1:4"), "a range");
    check(
        None,
        &PET.replace("PET_MASTER_ADDR=my-node-0-0.my", ""),
        "`PET_MASTER_ADDR` is not set",
    );
    check(
        None,
        &PET.replace("NODE_RANK=1", "NODE_RANK=2"),
        "`PET_NODE_RANK` is 2",
    );
    check(
        None,
        &PET.replace("PET_NODE_RANK=1", ""),
        "`PET_NODE_RANK` is not",
    );
    check(
        None,
        &PET.replace("auto", "many"),
        "`PET_NPROC_PER_NODE` is `many`",
    );
    let none = lookup(
        None,
        Machine::default(),
        &variables(&PET.replace("auto", "gpu")),
    );
    assert!(none.is_err_and(|error| error.to_string().contains("no GPU")));
}

#[test]
fn hosts_in_short() {
    let hosts = |list: &str| expand(list).map(|hosts| hosts.join(" "));
    for (list, expected) in [
        ("a", "a"),
        ("a[1-3,7],b", "a1 a2 a3 a7 b"),
        ("n[008-011]", "n008 n009 n010 n011"),
        ("r[1-2]n[1-2]x", "r1n1x r1n2x r2n1x r2n2x"),
        ("a, b", "a b"),
    ] {
        assert_eq!(hosts(list).as_deref(), Ok(expected), "{list}");
    }
    for (list, expected) in [
        ("a[1-2", HostsError::Bracket),
        ("a1]", HostsError::Bracket),
        ("a[[1]]", HostsError::Bracket),
        ("a[2-1]", HostsError::Range),
        ("a[x]", HostsError::Range),
        ("a[]", HostsError::Range),
        ("a,,b", HostsError::Empty),
        ("a[1-99999999999]", HostsError::Many),
        ("a[1-9999]b[1-9999]", HostsError::Many),
    ] {
        assert_eq!(hosts(list), Err(expected), "{list}");
    }
}

#[test]
fn each_process_has_its_share_of_the_processors() {
    let share = |text: &str, available| {
        let launch = match find(None, text) {
            Ok(Found::Process(launch)) => launch,
            _ => Launch::alone(),
        };
        threads(&launch, available, 16, &variables(text))
    };
    assert_eq!(share("", 16), 16);
    // Whatever OpenMP is told.
    assert_eq!(share(TORCHRUN, 16), 4);
    assert_eq!(share(TORCHRUN, 2), 1);
    assert_eq!(share(&format!("{SRUN} SLURM_CPUS_PER_TASK=6"), 8), 6);
    assert_eq!(share(&format!("{SRUN} SLURM_CPUS_PER_TASK=6"), 4), 4);
    // Bound to eight of the job's 32, or to none.
    assert_eq!(share(SRUN, 8), 8);
    assert_eq!(share(SRUN, 32), 8);
    assert_eq!(share(SRUN, 64), 8);
    // A job's only process.
    assert_eq!(share("SLURM_CPUS_ON_NODE=4", 16), 4);
    assert_eq!(share(MPIRUN, 1), 1);
    assert_eq!(share(MPIRUN, 16), 4);
}
