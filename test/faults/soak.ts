/**
 * Strategy: three processes work on one file: an agent that stores rows, one that does the housekeeping, one that makes
 * backups and throws old ones away. One of them, by chance, is killed every few seconds and begun anew.
 * Invariants: none of them ends by itself; no acknowledged row is missing; every backup is whole. Descriptors and the
 * WAL are flat: what the last third of the time shows is within a tenth of what the second one did. Memory is held to
 * that where the run is long enough for the garbage collector to have come to rest.
 */
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { openUsageDb } from "../../src/index.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { Failures, type FaultRow, pick, type RowResult, type RowRun } from "./row.ts";
import { lookAt, oneOf, problemsOfPages } from "./soundness.ts";

const PROGRAM = join(import.meta.dir, "soak-program.ts");
const ROLES = ["agent", "keeper", "copier"] as const;
const SAMPLE_MS = 250;
/** A process is compared with itself from here on. */
const SETTLED_MS = 3000;
const KILL_EVERY_MS = 4000;
const MEGABYTE = 1 << 20;
const SLACK = { descriptors: 1, memoryMb: 16, walMb: 1 } as const;

interface Sample {
  readonly atMs: number;
  readonly descriptors: number;
  readonly memoryMb: number;
  readonly walMb: number;
}

/** What the system says of a process; null for one that has just begun, or where there is no /proc. */
function sampleOf(pid: number, { atMs, wal }: { atMs: number; wal: string }): Sample | null {
  try {
    const memory = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return {
      atMs,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      memoryMb: Number(memory ?? 0) / 1024,
      walMb: (statSync(wal, { throwIfNoEntry: false })?.size ?? 0) / MEGABYTE,
    };
  } catch {
    return null;
  }
}

class Role {
  readonly name: (typeof ROLES)[number];
  readonly samples: Sample[] = [];
  readonly #folder: string;
  #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #startedAt = performance.now();
  #reading: Promise<void>;
  /** Rows that the agent acknowledged. */
  acked = 0;
  starts = 0;

  constructor(name: (typeof ROLES)[number], folder: string) {
    this.name = name;
    this.#folder = folder;
    this.#child = this.#start();
    this.#reading = this.#listen();
  }

  #start(): Bun.Subprocess<"ignore", "pipe", "pipe"> {
    this.starts++;
    this.#startedAt = performance.now();
    return Bun.spawn([process.execPath, PROGRAM, this.name, this.#folder], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      this.acked += decoder.decode(chunk).split("\n").length - 1;
    }
  }

  sample(atMs: number): void {
    if (performance.now() - this.#startedAt < SETTLED_MS) return;
    const sample = sampleOf(this.#child.pid, { atMs, wal: join(this.#folder, "usage.db-wal") });
    if (sample !== null) this.samples.push(sample);
  }

  /** What it ended with, when it ended by itself. */
  async fault(): Promise<string | null> {
    if (this.#child.exitCode === null) return null;
    return `${this.name} ended with ${this.#child.exitCode}: ${await this.#child.stderr.text()}`;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    await this.#reading;
  }

  restart(): void {
    this.#child = this.#start();
    this.#reading = this.#listen();
  }
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** How a figure rose from the second third of the time to the last; null when it stayed within a tenth. */
function growthOf(
  { name, samples }: Role,
  figure: keyof typeof SLACK,
  seconds: number,
): string | null {
  const third = (seconds * 1000) / 3;
  const of = (from: number): number =>
    middle(samples.filter((s) => s.atMs >= from && s.atMs < from + third).map((s) => s[figure]));
  const [second, last] = [of(third), of(2 * third)];
  if (second === 0 || last <= second * 1.1 + SLACK[figure]) return null;
  return `${name}: ${figure} rose from ${second.toFixed(1)} to ${last.toFixed(1)}`;
}

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const failures = new Failures("soak", options);
  const dice = options.chanceOf(0);
  mkdirSync(folder.at("backups"));
  openUsageDb(folder.at("usage.db")).close();
  const roles = ROLES.map((name) => new Role(name, folder.path));
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  let kills = 0;
  let killAt = KILL_EVERY_MS;
  while (elapsed() < options.rounds * 1000) {
    await Bun.sleep(SAMPLE_MS);
    for (const role of roles) {
      const fault = await role.fault();
      if (fault !== null) {
        failures.add(0, fault);
        role.restart();
      }
      role.sample(elapsed());
    }
    if (elapsed() < killAt) continue;
    killAt = elapsed() + KILL_EVERY_MS * (0.5 + dice.next() * 2);
    const victim = pick(dice, roles);
    await victim.kill();
    victim.restart();
    kills++;
  }
  for (const role of roles) await role.kill();
  const { acked } = roles[0] ?? { acked: 0 };
  using db = openUsageDb(folder.at("usage.db"));
  for (const problem of problemsOfPages(db.connection)) failures.add(0, problem);
  const stored = Number(
    oneOf(db.connection, "SELECT count(*) FROM events WHERE session_id = 'agent'"),
  );
  if (stored < acked) failures.add(0, `${acked - stored} acknowledged rows of ${acked} are lost`);
  if (acked === 0) failures.add(0, "the agent stored nothing");
  const backups = readdirSync(folder.at("backups")).filter((name) => name.endsWith(".backup"));
  for (const name of backups)
    for (const problem of lookAt(folder.at("backups", name), () => [])) failures.add(0, problem);
  const figures = (
    options.isMeasured ? ["descriptors", "memoryMb", "walMb"] : ["descriptors", "walMb"]
  ) as (keyof typeof SLACK)[];
  for (const role of roles)
    for (const figure of figures) {
      const growth = growthOf(role, figure, options.rounds);
      if (growth !== null) failures.add(0, growth);
    }
  const most = (figure: keyof typeof SLACK): string =>
    Math.max(0, ...roles.flatMap(({ samples }) => samples.map((s) => s[figure]))).toFixed(1);
  return {
    tried: options.rounds,
    failures: failures.lines,
    figures: {
      rows: acked,
      kills,
      backups: backups.length,
      "most descriptors": most("descriptors"),
      "most memory MB": most("memoryMb"),
      "most WAL MB": most("walMb"),
    },
  };
}

export const soak: FaultRow = {
  name: "soak",
  fault: "three processes with jobs, backups and random kills",
  target: "descriptors, memory and WAL flat within 10 %",
  unit: "seconds",
  shortRounds: 60,
  longRounds: 3600,
  skip: process.platform === "linux" ? null : "what a process holds is read from /proc",
  run,
};
