"""Every tunable of Lockage: its unit, its default, and the reason for the default.

Not for what differs between applications (that is a profile's) nor for what a user says once (that is a flag's). The
surprising thing: these are plain frozen records handed in as arguments; nothing here is read from the environment except
by ``lockage.interfaces``, so that the core and the tests see exactly what they were given.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How often and how long we look."""

    guard_looks_per_s: float = 4.0
    """Looks a second while a migration runs. Four show a blocker within 0.5 s and cost less than 2 ms of backend CPU each."""

    guard_close_looks_per_s: float = 20.0
    """How often it looks in the first seconds: most migrations are over then, and at four looks a second nobody would know
    how long they took."""

    guard_closely_s: float = 3.0
    """How long the close looks last: a longer migration is measured well enough by four a second."""

    poll_s: float = 0.1
    """Pause between two looks while waiting for replicas in an outage. A tenth of a second is small beside a readiness
    period of one second, and a look at the platform costs about a millisecond."""

    lock_timeout_s: float = 0.5
    """Longest wait for a lock by a query that only watches: shorter than a person notices, so that we never queue."""

    statement_timeout_s: float = 5.0
    """Longest run of a query that only watches; a catalog of 10 000 relations answers in well under a second."""

    answer_timeout_s: float = 5.0
    """Longest wait for an HTTP answer of a replica: a version page that takes longer is of no use to a person either."""

    connect_timeout_s: float = 5.0
    """Longest wait for a connection: libpq's default is to wait without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a run waits for each thing before it stops at a named place."""

    replicas_gone_margin_s: float = 30.0
    """Added to the termination grace period: the platform's own time to kill and to notice."""

    sessions_gone_s: float = 60.0
    """For orphans and conflicting locks of the old replicas to go, before and after each is dealt with."""

    working_orphan_s: float = 900.0
    """For an orphan whose statement commits by itself: it is waited for. 15 minutes is the vendor's own limit (Coder)."""

    foreign_sessions_s: float = 300.0
    """For other people's sessions that hold conflicting locks, before the outage begins. Nothing is down meanwhile."""

    prepare_s: float = 300.0
    """For everything that is tried before anything is changed, the image brought to the nodes among it. Nothing is down."""

    hand_over_s: float = 3600.0
    """For an owner to ask for what a hop needs: a person merges, a pipeline runs. An hour is a working meeting, not a night."""

    start_s: float = 120.0
    """From asking for the new replica until its process runs: image pull and scheduling."""

    ready_margin_s: float = 120.0
    """For a replica to become ready, beyond the kill budget of its migration."""

    rollout_s: float = 600.0
    """For all replicas of a release to be ready and the old ones gone. Source: Kubernetes, progressDeadlineSeconds."""

    leave_when_s: float = 3600.0
    """For a hop's leave-when condition; a background job may need its time, and nothing is down meanwhile."""

    lease_s: float = 30.0
    """Validity of the lease. Renewed before each act; children get a shorter deadline."""

    soak_s: float = 3.0
    """How long the end state must stay healthy before the run is called done."""

    unreachable_s: float = 60.0
    """For a database or a platform that does not answer in the middle of a run. A restart takes seconds, a failover usually
    less than a minute; going on by itself beats a halt that somebody must notice."""

    look_s: float = 30.0
    """For a step that only looks or writes a note: every query and request in it has a far shorter limit of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeBudget:
    """How large the kill budget of a migrating replica is made."""

    floor_s: float = 900.0
    """Never below 15 minutes: a forecast can be wrong, and a probe that kills a migration costs more than one that waits."""

    forecast_factor: float = 3.0
    """Times the forecast's high end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyChoice:
    """When a gentler strategy is good enough."""

    blocked_likely_s: float = 1.0
    """Longest likely time that readers or writers of one relation may be blocked under a rolling update. A gap of a second
    is where an outage begins to count."""

    blocked_high_s: float = 2.0
    """The same at the forecast's high end: twice the likely limit, and still shorter than a client's usual time-out."""

    scale_to_one_ratio: float = 0.5
    """Scale-to-one is taken only at this part of scale-to-zero's outage or less: an old replica that works on a schema it does
    not know is a risk, and a tenth less outage does not pay for it."""

    scale_to_one_saves_s: float = 5.0
    """… and only where it saves this much: less is within the error of the forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a step takes where nothing was measured on this deployment."""

    termination_s: float = 2.0
    """From the signal to the end of a replica that has requests in flight and nothing else."""

    start_s: float = 2.0
    """From asking for a replica to its process running, the image being there."""

    boot_s: float = 3.0
    """From a process' start to its first answer with nothing to migrate."""

    look_s: float = 1.0
    """A step that looks at the platform and the database once or twice."""

    prepare_s: float = 5.0
    """Asking for leave and rights, and starting one pod on each node with the image there."""

    hand_over_s: float = 120.0
    """For a person to merge what is ready, and for its controller to notice. A guess."""

    leave_when_s: float = 60.0
    """For a hop's leave-when condition. A guess: nobody has measured the background job that fulfils it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongTransactions:
    """When a session counts as long or idle in a survey."""

    long_s: float = 10.0
    """A transaction older than this would make a migration wait noticeably."""

    idle_s: float = 5.0
    """Idle in a transaction for longer than this: nobody is computing, and locks are held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What a forecast counts as standing in the way, and how a queue is kept short."""

    transaction_s: float = 1.0
    """A transaction younger than this is ordinary traffic, which the queue counts. A second is where an outage begins."""

    statement_s: float = 1.0
    """A statement that was once as slow as this is named: a lock that waits for it makes everybody behind it wait."""

    lock_timeout_s: float = 1.0
    """Longest wait for a lock that people bear: the limit under a rolling update (``StrategyChoice.blocked_likely_s``)."""

    least_lock_timeout_s: float = 0.05
    """Shortest that is proposed: below it a busy table would hardly ever be had. pgroll is tested with no less."""

    counting_s: float = 1.0
    """Between two looks at the server's counters, where they do not say since when they count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How windows are made and kept."""

    margin_s: float = 300.0
    """What must be left of a window behind a run's high end. Five minutes are enough to see that all is well and to say so."""

    length_factor: float = 1.5
    """Times a run's high end, when a window is made for it: tables grow until it begins, and it must not be refused then."""

    look_s: float = 1.0
    """Between two looks at the wall clock while a window is waited for. Sleep, suspend and a clock that is set show at once."""

    history_limit_s: float = 30.0
    """Longest run of a query for months of usage. Two million rows take two seconds; nothing under way is delayed by it."""

    sample_gap_s: float = 3600.0
    """Two samples of PostgreSQL's counters further apart than this say nothing of what was between them."""

    sample_keep_days: int = 184
    """How long samples are kept: half a year shows every season of work that matters for next week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """How long a diagnosis looks, and how much it reads."""

    limit_s: float = 10.0
    """For everything together: a person waits for it at night, and what has not answered by then is a finding of its own."""

    look_s: float = 4.0
    """For one source. A healthy one answers in milliseconds; two deaf ones, one after the other, still fit into the whole."""

    reach_s: float = 8.0
    """For the way to a database in a cluster and the first login: a port-forward begins in one to two seconds."""

    database_timeout_s: float = 3.0
    """For a connection and for a query of the looks at the database, so that its own words come before ``look_s`` is over."""

    look_gap_s: float = 1.0
    """Between two looks at the sessions: an index build moves in far less, and it is an orphan's proof."""

    log_lines: int = 2000
    """Newest lines of each container that is in trouble, now and before its last restart."""

    log_lines_well: int = 200
    """Newest lines of each container that is well: what they said matters less than that it is read in time."""

    log_line_chars: int = 4000
    """A longer line is cut: a dump in one line would hide the others."""

    logs_most: int = 80
    """Logs that are read at most, those in trouble first. More do not fit into the time where an API server is slow."""

    log_threads: int = 8
    """Logs that are read at once: as many requests as a browser makes, and less than API servers queue for one client."""

    versions_most: int = 3
    """Replicas of each release that are asked for their version, ready ones first."""

    answer_timeout_s: float = 1.0
    """For one of them to answer: it is ready, and three must fit into ``look_s``."""

    catalog_s: float = 60.0
    """For the catalog against that of a clean run, where somebody asks for it. A migration takes 25 ms on a shadow: enough for
    2 000 of them, or for the 400 of a large application on a machine that is five times as busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundling:
    """How much a bundle holds: what a vendor's ticket takes, and what is masked in about half a minute."""

    limit_s: float = 30.0
    """For all that is collected. A bundle is made once, so that it may wait longer for a slow source than a diagnosis."""

    evidence_s: float = 15.0
    """Of that, for the evidence: half again a diagnosis' time, so that the rest is collected whatever is deaf."""

    look_s: float = 5.0
    """For one source of objects: a list of 200 pods takes a tenth of that."""

    log_bytes: int = 1024 * 1024
    """Newest part of one container's log: 2 000 lines of 500 letters."""

    logs_bytes: int = 4 * 1024 * 1024
    """All logs together, which share it evenly; masking and the second look take two to four seconds for a megabyte."""

    server_log_bytes: int = 2 * 1024 * 1024
    """Newest part of PostgreSQL's own log."""

    object_bytes: int = 256 * 1024
    """One object as YAML; etcd takes none above 1.5 MB, and the usual one has 10 kB."""

    objects_most: int = 400
    """Objects at most: a Deployment with 200 pods has fewer, and events are one file."""

    journal_bytes: int = 4 * 1024 * 1024
    """Newest part of a run's journal; a usual one has 200 kB."""

    runs_most: int = 5
    """Newest runs whose story is brought along."""

    record_bytes: int = 32 * 1024 * 1024
    """A record that cannot be cut (evidence, plan, forecast): above it something is wrong."""

    schema_bytes: int = 8 * 1024 * 1024
    """A schema dump; 2 000 tables have about 4 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardLimits:
    """From where on a forecast calls something a hazard, or a worse one."""

    reads_s: float = 1.0
    """Nobody can read a relation for longer than this: where an outage begins to count."""

    writes_s: float = 1.0
    """The same for writers."""

    much: float = 10.0
    """So many times the limit of writers is as bad as shutting readers out: clients' time-outs of ten seconds are usual."""

    many_rows: float = 10_000.0
    """Rows that a statement changes while others are locked out. An UPDATE of ten thousand takes about a tenth of a second."""

    numbers_ratio: float = 0.75
    """Used part of the numbers of an integer key. At the usual growth a quarter is a year or two, and the cure takes months."""

    numbers_full_ratio: float = 0.95
    """… and from here on the cure cannot wait for a release."""

    disk_ratio: float = 0.8
    """Part of the free disk that a script may need: sorting, temporary files and the others' writes need the rest."""

    disk_worth_asking_bytes: int = 1_000_000_000
    """What a script needs before anybody is asked how much is free where Lockage cannot see it: a gigabyte is usually there."""

    wal_bytes: int = 1_000_000_000
    """WAL of a script that replicas notice: PostgreSQL's own max_wal_size."""

    lock_table_ratio: float = 0.5
    """Part of the lock table that one transaction may take: the others need theirs at the same time."""

    lock_wait_s: float = 10.0
    """Longest wait for a lock, with everybody else behind it, that is called limited: clients' time-outs are ten seconds."""

    unused_s: float = 7 * 86_400.0
    """For how long an index was never used before that says something: much of what is not done daily is done weekly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChecking:
    """How long the data is asked whether a script would fail on it (``--check-data``)."""

    query_s: float = 30.0
    """Longest run of one query: ten million rows are read, and grouped, in less. What takes longer is worth a person's look."""

    all_s: float = 300.0
    """When no further query is begun: five minutes is what somebody waits for who asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All tunables together, with their defaults."""

    watching: Watching = field(default_factory=Watching)
    limits: Limits = field(default_factory=Limits)
    probe_budget: ProbeBudget = field(default_factory=ProbeBudget)
    strategy: StrategyChoice = field(default_factory=StrategyChoice)
    expected: Expected = field(default_factory=Expected)
    long_transactions: LongTransactions = field(default_factory=LongTransactions)
    waits: Waits = field(default_factory=Waits)
    windows: Windows = field(default_factory=Windows)
    collecting: Collecting = field(default_factory=Collecting)
    bundling: Bundling = field(default_factory=Bundling)
    hazards: HazardLimits = field(default_factory=HazardLimits)
    data_checking: DataChecking = field(default_factory=DataChecking)
