/** Real processes that migrate one file: eight at once, and one at a time that is killed on the way. */
import { statSync } from "node:fs";
import { UsageDbError } from "../../../errors.ts";
import type { Migration, SqlBody } from "../../../migration/migration.ts";
import { pragmaOf } from "../../../migration/statement-rules.ts";
import { statementsOf } from "../../../migration/sql-body.ts";
import type { Version } from "../../../migration/version.ts";
import type { MigrationReport } from "../../migrator.ts";
import { labelOf } from "./position.ts";
import type { Random } from "./random.ts";
import { failed, failedBy, notTested, passed, type ProofCheck, type ProofTopic } from "./report.ts";
import type { Sandbox } from "./sandbox.ts";
import { describeSchema, diffSchemas, type SchemaObject } from "../schema.ts";
import { validateConnection } from "../validate.ts";

export interface StartOptions {
  readonly sandbox: Sandbox;
  readonly migrations: readonly Migration[];
  /** The schema that a fresh migration in this process built. */
  readonly expected: readonly SchemaObject[];
  /** See `ProveOptions.starter`. */
  readonly starter: (databasePath: string) => readonly string[];
}

export interface KillOptions {
  readonly rounds: number;
  readonly random: Random;
  /** Awaited before each round; what it throws ends the proof. */
  readonly onRound: () => Promise<void>;
}

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const START_TIMEOUT_MS = 60_000;
const LOCK_REMEDY = "Run `migrate up` by hand and read what it says.";

/** Starts `count` processes on one new file at the same moment. */
export async function proveConcurrentStarts(
  { sandbox, migrations, expected, starter }: StartOptions,
  count: number,
): Promise<ProofCheck[]> {
  const leaving = migrations.find(({ up }) => up.kind === "sql" && leavesWal(up));
  if (leaving !== undefined) {
    return [
      notTested("concurrent-starts", `${count} processes`, {
        observed: `${labelOf(leaving)} changes the journal mode, which only one process at a time can`,
        remedy: null,
      }),
    ];
  }
  const path = sandbox.newPath();
  const ended = await Promise.all(
    Array.from({ length: count }, () => ending(start(starter(path)))),
  );
  const subject = `${count} processes`;
  const checks: ProofCheck[] = [];
  const fail = (observed: string): void => {
    checks.push(failed("concurrent-starts", subject, { observed, remedy: LOCK_REMEDY }));
  };
  for (const { exitCode, stderr } of ended.filter((child) => child.exitCode !== 0))
    fail(`a process exited with ${exitCode}: ${lastLine(stderr)}`);
  if (checks.length > 0) return checks;
  const applied = ended.flatMap(({ stdout }) => versionsOf(stdout)).sort((a, b) => a - b);
  const wanted = migrations.map(({ version }) => version);
  if (JSON.stringify(applied) !== JSON.stringify(wanted))
    fail(`the processes applied ${applied.join(", ")}, expected each version once`);
  checks.push(...proveSound("concurrent-starts", subject, sandbox, path, expected));
  if (checks.length > 0) return checks;
  return [
    passed("concurrent-starts", subject, `all exit 0, ${wanted.length} version(s) applied once`),
  ];
}

/**
 * Kills a migrating process `rounds` times, at a moment between the file's appearance and the end of the run;
 * after each kill the database must hold whole versions only, be valid, and go on to the newest.
 */
export async function proveKills(
  { sandbox, migrations, expected, starter }: StartOptions,
  { rounds, random, onRound }: KillOptions,
): Promise<ProofCheck[]> {
  const windowMs = await measure(sandbox, starter);
  const checks: ProofCheck[] = [];
  const reached = new Set<number>();
  let interruptedCount = 0;
  for (let round = 1; round <= rounds; round++) {
    await onRound();
    const path = sandbox.newPath();
    const child = start(starter(path));
    await appearance(path, child);
    await Bun.sleep(random.next() * windowMs * 1.1);
    child.kill("SIGKILL");
    await child.exited;
    if (child.signalCode !== null) interruptedCount++;
    const subject = `round ${round}`;
    const { versions, found } = afterKill(subject, sandbox, path, migrations);
    reached.add(versions);
    checks.push(...found);
    if (found.length === 0) checks.push(...proveSound("kills", subject, sandbox, path, expected));
  }
  if (checks.length > 0) return checks;
  const places = [...reached].sort((a, b) => a - b).join(", ");
  return [
    passed(
      "kills",
      `${rounds} rounds`,
      `${interruptedCount} interrupted, leaving ${places} whole version(s)`,
    ),
  ];
}

/** What a killed process left: a prefix of the versions, valid as it stands. */
function afterKill(
  subject: string,
  sandbox: Sandbox,
  path: string,
  migrations: readonly Migration[],
): { readonly versions: number; readonly found: ProofCheck[] } {
  try {
    using database = sandbox.open(path);
    const { standings, appliedMigrations, unfinished } = database.migrator.status();
    const label = unfinished === null ? null : labelOf(unfinished);
    // One between two parts is as it should be, and goes on below.
    const observed = validateConnection(database.connection, standings)
      .findings.filter(({ object }) => object !== label)
      .map((finding) => `${finding.object}: ${finding.observed}`);
    const isPrefix = appliedMigrations.every(
      ({ version }, index) => version === migrations[index]?.version,
    );
    if (!isPrefix)
      observed.push(
        `versions ${appliedMigrations.map(({ version }) => version).join(", ")} are applied, expected the first ones`,
      );
    return {
      versions: appliedMigrations.length,
      found: observed.map((text) => broken(subject, text)),
    };
  } catch (error) {
    if (!(error instanceof UsageDbError)) throw error;
    return { versions: 0, found: [failedBy("kills", subject, error)] };
  }
}

const broken = (subject: string, observed: string): ProofCheck =>
  failed("kills", subject, {
    observed: `after a kill: ${observed}`,
    remedy: "Report it: a migration must be whole or not there at all.",
  });

/** Brings the file to the newest version and compares it with a database that nothing disturbed. */
function proveSound(
  topic: ProofTopic,
  subject: string,
  sandbox: Sandbox,
  path: string,
  expected: readonly SchemaObject[],
): ProofCheck[] {
  try {
    using database = sandbox.open(path);
    database.migrator.up();
    const { standings } = database.migrator.status();
    const findings = validateConnection(database.connection, standings).findings;
    return [
      ...findings.map(({ object, observed, remedy }) =>
        failed(topic, subject, { observed: `${object}: ${observed}`, remedy }),
      ),
      ...diffSchemas(expected, describeSchema(database.connection)).map((difference) =>
        failed(topic, subject, { observed: difference, remedy: LOCK_REMEDY }),
      ),
    ];
  } catch (error) {
    if (!(error instanceof UsageDbError)) throw error;
    return [failedBy(topic, subject, error)];
  }
}

function leavesWal(body: SqlBody): boolean {
  return statementsOf(body).some((statement) => pragmaOf(statement) === "journal_mode");
}

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

function start(command: readonly string[]): Child {
  return Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: START_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
}

async function ending(child: Child): Promise<Ended> {
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

/** Milliseconds from the file's appearance to the end of an undisturbed run. */
async function measure(sandbox: Sandbox, starter: StartOptions["starter"]): Promise<number> {
  const path = sandbox.newPath();
  const child = start(starter(path));
  await appearance(path, child);
  const startedAt = performance.now();
  await child.exited;
  return performance.now() - startedAt;
}

/** Only stat: opening the file here would cancel the locks of whoever has it open. */
async function appearance(path: string, child: Child): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
    await Bun.sleep(0);
  }
}

function versionsOf(stdout: string): Version[] {
  return (JSON.parse(stdout) as MigrationReport).steps.map(({ version }) => version);
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
