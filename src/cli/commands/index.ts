/** The command tree. Names and one-liners only: definitions are loaded when their name is typed. */
import type { CommandGroup } from "../command.ts";

const MIGRATE: CommandGroup = {
  meta: { name: "migrate", description: "Bring a database's schema to a version, and back" },
  fallback: "up",
  commands: {
    up: {
      description: "apply pending migrations (the default)",
      load: () => (require("./migrate/up.ts") as typeof import("./migrate/up.ts")).up,
    },
    status: {
      description: "show what is applied and what is pending",
      load: () => (require("./migrate/status.ts") as typeof import("./migrate/status.ts")).status,
    },
    plan: {
      description: "print the SQL that `up` would run",
      load: () => (require("./migrate/plan.ts") as typeof import("./migrate/plan.ts")).plan,
    },
    rehearse: {
      description: "run them up, down and up again on a copy, and compare",
      load: () =>
        (require("./migrate/rehearse.ts") as typeof import("./migrate/rehearse.ts")).rehearse,
    },
    rollback: {
      description: "go back one version, or to the one named",
      load: () =>
        (require("./migrate/rollback.ts") as typeof import("./migrate/rollback.ts")).rollback,
    },
    redo: {
      description: "roll the newest version back and apply it again",
      load: () => (require("./migrate/redo.ts") as typeof import("./migrate/redo.ts")).redo,
    },
    validate: {
      description: "prove the database sound",
      load: () =>
        (require("./migrate/validate.ts") as typeof import("./migrate/validate.ts")).validate,
    },
    diff: {
      description: "show how the schema differs from what the migrations build",
      load: () => (require("./migrate/diff.ts") as typeof import("./migrate/diff.ts")).diff,
    },
    history: {
      description: "show what happened to each version, failures too",
      load: () =>
        (require("./migrate/history.ts") as typeof import("./migrate/history.ts")).history,
    },
    repair: {
      description: "accept an edited migration, forget a version without a file",
      load: () => (require("./migrate/repair.ts") as typeof import("./migrate/repair.ts")).repair,
    },
    lock: {
      description: "show who holds the write lock",
      load: () => (require("./migrate/lock.ts") as typeof import("./migrate/lock.ts")).lock,
    },
    seed: {
      description: "fill a database with the rows of an environment",
      load: () => (require("./migrate/seed.ts") as typeof import("./migrate/seed.ts")).seed,
    },
    plans: {
      description: "show how the hot queries in queries.sql would run",
      load: () => (require("./migrate/plans.ts") as typeof import("./migrate/plans.ts")).plans,
    },
    create: {
      description: "write an empty migration with the next version",
      load: () => (require("./migrate/create.ts") as typeof import("./migrate/create.ts")).create,
    },
    test: {
      description: "prove migrations in temporary files, without your database",
      load: () =>
        (require("./test-migrations.ts") as typeof import("./test-migrations.ts")).testMigrations,
    },
    "test-crash": {
      description: "migrate and be killed on the way; `test` starts it",
      load: () =>
        (require("./migrate/test-crash.ts") as typeof import("./migrate/test-crash.ts")).testCrash,
      isHidden: true,
    },
    adopt: {
      description:
        "take over another tool's database, or bring an earlier usage database's rows in",
      load: () => (require("./migrate/adopt.ts") as typeof import("./migrate/adopt.ts")).adopt,
    },
    baseline: {
      description: "enter versions as applied for a database without a ledger",
      load: () =>
        (require("./migrate/baseline.ts") as typeof import("./migrate/baseline.ts")).baseline,
    },
    bundle: {
      description: "write a directory's migrations as one module",
      load: () => (require("./migrate/bundle.ts") as typeof import("./migrate/bundle.ts")).bundle,
    },
  },
};

export const ROOT: CommandGroup = {
  meta: {
    name: "usagedb",
    description: "A local usage database for AI coding agents and market-data caches",
  },
  fallback: "overview",
  commands: {
    overview: {
      description: "bring the database up to date, sync, print the last seven days (the default)",
      load: () => (require("./overview.ts") as typeof import("./overview.ts")).overview,
    },
    sync: {
      description: "read new lines of agent transcripts",
      load: () => (require("./sync.ts") as typeof import("./sync.ts")).sync,
    },
    explain: {
      description: "show every line that claims a message, and why one counts",
      load: () => (require("./explain.ts") as typeof import("./explain.ts")).explain,
    },
    report: {
      description: "print usage by day, week, month, session or block",
      load: () => REPORT,
    },
    statusline: {
      description: "print Claude Code's status line and store the limits it tells",
      load: () => (require("./statusline.ts") as typeof import("./statusline.ts")).statusline,
    },
    hook: { description: "store an agent's hook events, and install the hooks", load: () => HOOK },
    serve: {
      description: "take hook events over HTTP",
      load: () => (require("./serve.ts") as typeof import("./serve.ts")).serve,
    },
    watch: {
      description: "watch the five-hour block, limits and burn rate, live",
      load: () => (require("./watch.ts") as typeof import("./watch.ts")).watch,
    },
    config: { description: "show and change the settings", load: () => CONFIG },
    snapshots: { description: "list, show and add usage snapshots", load: () => SNAPSHOTS },
    export: {
      description: "write what this database knows, for another machine's",
      load: () => (require("./exchange.ts") as typeof import("./exchange.ts")).exportCommand,
    },
    import: {
      description: "bring in what another machine exported",
      load: () => (require("./exchange.ts") as typeof import("./exchange.ts")).importCommand,
    },
    query: {
      description: "run one SELECT that cannot write",
      load: () => (require("./query.ts") as typeof import("./query.ts")).query,
    },
    prices: { description: "show and set what tokens cost", load: () => PRICES },
    reprice: {
      description: "price all history anew",
      load: () => (require("./prices.ts") as typeof import("./prices.ts")).reprice,
    },
    prune: {
      description: "delete old snapshots",
      load: () => (require("./prune.ts") as typeof import("./prune.ts")).prune,
    },
    maintain: {
      description: "do the jobs that keep the database small and fast",
      load: () => MAINTAIN,
    },
    backup: {
      description: "write a verified copy of the database",
      load: () => (require("./backup.ts") as typeof import("./backup.ts")).backup,
    },
    restore: {
      description: "put a backup in the database's place",
      load: () => (require("./backup.ts") as typeof import("./backup.ts")).restore,
    },
    doctor: {
      description: "look the database over, and say what to do",
      load: () => (require("./doctor.ts") as typeof import("./doctor.ts")).doctor,
    },
    forget: {
      description: "remove a session, a project or a time from everywhere, and prove it",
      load: () => (require("./forget.ts") as typeof import("./forget.ts")).forget,
    },
    recover: {
      description: "save what can be read of a damaged database into a new file",
      load: () => (require("./recover.ts") as typeof import("./recover.ts")).recover,
    },
    migrate: { description: MIGRATE.meta.description, load: () => MIGRATE },
    completion: {
      description: "print a script that completes commands in bash, zsh or fish",
      load: () => (require("./completion.ts") as typeof import("./completion.ts")).completion,
    },
    version: {
      description: "print the version",
      load: () => (require("./version.ts") as typeof import("./version.ts")).version,
    },
  },
};

const REPORT: CommandGroup = {
  meta: { name: "report", description: "Print usage" },
  fallback: "daily",
  commands: {
    daily: {
      description: "by local day (the default)",
      load: () =>
        (require("./report/period.ts") as typeof import("./report/period.ts")).reportDaily,
    },
    weekly: {
      description: "by week, Monday first",
      load: () =>
        (require("./report/period.ts") as typeof import("./report/period.ts")).reportWeekly,
    },
    monthly: {
      description: "by month",
      load: () =>
        (require("./report/period.ts") as typeof import("./report/period.ts")).reportMonthly,
    },
    session: {
      description: "by session",
      load: () =>
        (require("./report/session.ts") as typeof import("./report/session.ts")).reportSession,
    },
    blocks: {
      description: "by five-hour block",
      load: () =>
        (require("./report/blocks.ts") as typeof import("./report/blocks.ts")).reportBlocksCommand,
    },
  },
};

const HOOK: CommandGroup = {
  meta: { name: "hook", description: "Store an agent's hook events, and install the hooks" },
  fallback: "record",
  commands: {
    record: {
      description: "store the event on stdin (the default)",
      load: () => (require("./hook-record.ts") as typeof import("./hook-record.ts")).hookRecord,
    },
    install: {
      description: "put the hooks, and the status line, into Claude Code's settings",
      load: () => (require("./hook-install.ts") as typeof import("./hook-install.ts")).hookInstall,
    },
    uninstall: {
      description: "take them out again",
      load: () =>
        (require("./hook-install.ts") as typeof import("./hook-install.ts")).hookUninstall,
    },
  },
};

const CONFIG: CommandGroup = {
  meta: { name: "config", description: "Show and change the settings" },
  fallback: "get",
  commands: {
    get: {
      description: "print the settings, or one of them",
      load: () => (require("./config.ts") as typeof import("./config.ts")).configGet,
    },
    set: {
      description: "change one setting",
      load: () => (require("./config.ts") as typeof import("./config.ts")).configSet,
    },
    reset: {
      description: "go back to the defaults",
      load: () => (require("./config.ts") as typeof import("./config.ts")).configReset,
    },
    retention: { description: "show and change what is kept how long", load: () => RETENTION },
  },
};

const RETENTION: CommandGroup = {
  meta: { name: "retention", description: "Show and change what is kept how long" },
  fallback: "list",
  commands: {
    list: {
      description: "print every policy (the default)",
      load: () =>
        (require("./config-retention.ts") as typeof import("./config-retention.ts")).retentionList,
    },
    get: {
      description: "print one policy",
      load: () =>
        (require("./config-retention.ts") as typeof import("./config-retention.ts")).retentionGet,
    },
    set: {
      description: "change one policy",
      load: () =>
        (require("./config-retention.ts") as typeof import("./config-retention.ts")).retentionSet,
    },
    reset: {
      description: "go back to the defaults",
      load: () =>
        (require("./config-retention.ts") as typeof import("./config-retention.ts")).retentionReset,
    },
  },
};

const MAINTAIN: CommandGroup = {
  meta: { name: "maintain", description: "Do the jobs that keep the database small and fast" },
  fallback: "run",
  fallbackWords: () =>
    (require("../../retention/jobs.ts") as typeof import("../../retention/jobs.ts"))
      .REGISTERED_JOBS,
  commands: {
    run: {
      description: "do the jobs that are due, or those named (the default)",
      load: () => (require("./maintain.ts") as typeof import("./maintain.ts")).maintainRun,
    },
    status: {
      description: "show the jobs, when each last ran and what came of it",
      load: () =>
        (require("./maintain-status.ts") as typeof import("./maintain-status.ts")).maintainStatus,
    },
    history: {
      description: "show the runs, newest first",
      load: () =>
        (require("./maintain-status.ts") as typeof import("./maintain-status.ts")).maintainHistory,
    },
    install: {
      description: "have the system's scheduler do it",
      load: () =>
        (require("./maintain-install.ts") as typeof import("./maintain-install.ts"))
          .maintainInstall,
    },
    uninstall: {
      description: "take that out again",
      load: () =>
        (require("./maintain-install.ts") as typeof import("./maintain-install.ts"))
          .maintainUninstall,
    },
  },
};

const PRICES: CommandGroup = {
  meta: { name: "prices", description: "Show and set what tokens cost" },
  fallback: "list",
  commands: {
    list: {
      description: "print the prices that are used",
      load: () => (require("./prices.ts") as typeof import("./prices.ts")).pricesList,
    },
    set: {
      description: "say what a model costs",
      load: () => (require("./prices.ts") as typeof import("./prices.ts")).pricesSet,
    },
    unset: {
      description: "go back to the catalogue's price",
      load: () => (require("./prices.ts") as typeof import("./prices.ts")).pricesUnset,
    },
  },
};

const SNAPSHOTS: CommandGroup = {
  meta: { name: "snapshots", description: "List, show and add usage snapshots" },
  fallback: "list",
  commands: {
    list: {
      description: "print the newest snapshots",
      load: () => (require("./snapshots.ts") as typeof import("./snapshots.ts")).snapshotsList,
    },
    show: {
      description: "print one snapshot whole",
      load: () => (require("./snapshots.ts") as typeof import("./snapshots.ts")).snapshotsShow,
    },
    at: {
      description: "print what was known at a moment",
      load: () => (require("./snapshots.ts") as typeof import("./snapshots.ts")).snapshotsAt,
    },
    add: {
      description: "store one snapshot",
      load: () => (require("./snapshots.ts") as typeof import("./snapshots.ts")).snapshotsAdd,
    },
  },
};
