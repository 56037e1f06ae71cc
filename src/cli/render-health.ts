/** An examination as one screen, and as data. */
import type { HealthReport } from "../doctor/examine.ts";
import type { Fact, FactRow, Finding, TopicReport } from "../doctor/finding.ts";
import { printable } from "./output.ts";
import { megabytes } from "./progress.ts";

/** Facts that stand behind a topic's name, in words; the others are in the JSON only. */
const SHOWN: Readonly<Record<TopicReport["topic"], (facts: Facts) => string>> = {
  file: (facts) =>
    facts.text("mode") === "null"
      ? facts.text("path")
      : list([facts.text("path"), facts.bytes("sizeBytes"), facts.labelled("mode")]),
  versions: (facts) =>
    list([
      `usagedb ${facts.text("usagedb")}`,
      `Bun ${facts.text("bun")}`,
      `SQLite ${facts.text("sqlite")}`,
    ]),
  settings: (facts) =>
    list(
      ["journal_mode", "synchronous", "page_size", "auto_vacuum"].map((name) =>
        facts.labelled(name),
      ),
    ),
  space: (facts) =>
    list([
      facts.bytes("databaseBytes"),
      `${facts.bytes("freeBytes")} free in it`,
      `${facts.bytes("diskFreeBytes")} free on the disk`,
      facts.text("ballastBytes") === "0" ? "no ballast" : `ballast ${facts.bytes("ballastBytes")}`,
      ...(facts.text("maxBytes") === "null" ? [] : [`at most ${facts.bytes("maxBytes")}`]),
    ]),
  wal: (facts) =>
    list([facts.bytes("walBytes"), `open in ${facts.rows("openIn").length} other process(es)`]),
  schema: (facts) =>
    `version ${facts.text("currentVersion")} of ${facts.text("latestVersion")}, ${facts.text("pendingCount")} pending`,
  integrity: (facts) => (facts.text("isSound") === "true" ? "pages, rows, CHECKs, keys" : ""),
  units: (facts) => `${facts.text("timeColumns")} columns of times`,
  numbers: (facts) =>
    facts.text("messages") === "null"
      ? ""
      : `${facts.text("messages")} messages in ${facts.text("hours")} hours`,
  backups: (facts) => {
    const newest = facts.text("newestWholeAt");
    return list([
      `${facts.rows("backups").length} backup(s)`,
      ...(newest === "null" ? [] : [`the newest whole one of ${time(Number(newest))}`]),
    ]);
  },
  maintenance: (facts) => {
    const ran = facts
      .rows("jobs")
      .flatMap(({ lastStartedAt }) => (typeof lastStartedAt === "number" ? [lastStartedAt] : []));
    const by = facts.text("scheduledBy");
    return list([
      ...(ran.length === 0 ? [] : [`last run ${time(Math.max(...ran))}`]),
      ...(by === "null" ? [] : [`scheduled by ${by}`]),
    ]);
  },
  sources: (facts) =>
    list(
      facts
        .rows("agents")
        .filter(({ files }) => Number(files) > 0)
        .map(
          ({ agent, files, leavingSoon, daysLeaving }) =>
            `${agent} ${files} file(s)${Number(leavingSoon) === 0 ? "" : ` (${leavingSoon} of ${daysLeaving} day(s) leave soon)`}`,
        ),
    ) || (facts.rows("agents").length === 0 ? "" : "no transcripts"),
};

const OBJECTS_SHOWN = 5;

/** `isQuiet` leaves only what is wrong. */
export async function renderHealth(report: HealthReport, isQuiet: boolean): Promise<string> {
  const { renderTable } = await import("./table.ts");
  const findings = report.topics.flatMap((topic) => topic.findings);
  const lines: string[] = [];
  if (!isQuiet) {
    lines.push(
      renderTable(
        [{ title: "" }, { title: "part" }, { title: "" }],
        report.topics.map((topic) => [
          signOf(topic),
          topic.topic,
          SHOWN[topic.topic](new Facts(topic.facts)),
        ]),
      ),
      ...largest(report),
    );
    for (const { topic, notChecked } of report.topics)
      for (const reason of notChecked) lines.push(`not checked (${topic}): ${printable(reason)}`);
  }
  const problems = findings.filter(({ degree }) => degree === "problem");
  lines.push(...block("To do", problems));
  if (!isQuiet)
    lines.push(
      ...block(
        "Good to know",
        findings.filter(({ degree }) => degree === "remark"),
      ),
    );
  if (problems.length === 0) lines.push("", "Nothing needs doing.");
  else if (problems.some(({ fix }) => fix !== null))
    lines.push("", "`usagedb doctor --fix` does what is marked with *.");
  return lines.join("\n").trimStart();
}

/** Stable: `isHealthy`, `path`, `findings[]`, `notChecked[]`, and the facts of each topic by its name. */
export function healthData({ isHealthy, path, topics }: HealthReport): object {
  return {
    isHealthy,
    path,
    findings: topics.flatMap(({ findings }) => findings),
    notChecked: topics.flatMap(({ topic, notChecked }) =>
      notChecked.map((reason) => ({ topic, reason })),
    ),
    ...Object.fromEntries(
      topics.map(({ topic, facts }) => [
        topic,
        Object.fromEntries(facts.map(({ name, value }) => [name, value])),
      ]),
    ),
  };
}

/** The values of a topic as text. */
class Facts {
  readonly #values: ReadonlyMap<string, Fact["value"]>;

  constructor(facts: readonly Fact[]) {
    this.#values = new Map(facts.map(({ name, value }) => [name, value]));
  }

  text(name: string): string {
    return String(this.#values.get(name) ?? null);
  }

  bytes(name: string): string {
    return megabytes(Number(this.#values.get(name) ?? 0));
  }

  labelled(name: string): string {
    return `${name} ${this.text(name)}`;
  }

  rows(name: string): readonly FactRow[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? (value as readonly FactRow[]) : [];
  }
}

function signOf({ findings, notChecked, facts }: TopicReport): string {
  if (findings.some(({ degree }) => degree === "problem")) return "✗";
  if (findings.length > 0) return "·";
  return notChecked.length > 0 && facts.length === 0 ? "?" : "✓";
}

function largest({ topics }: HealthReport): string[] {
  const space = topics.find(({ topic }) => topic === "space");
  if (space === undefined) return [];
  const objects = new Facts(space.facts).rows("objects").slice(0, OBJECTS_SHOWN);
  const sizes = objects.map(
    ({ name, bytes }) => `${printable(String(name))} ${megabytes(Number(bytes))}`,
  );
  return sizes.length === 0 ? [] : [`largest: ${sizes.join(", ")}`];
}

function block(title: string, findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  const lines = findings.flatMap(({ topic, object, observed, remedy, fix }) => [
    `  ${topic}: ${printable(object)}: ${printable(observed)}`,
    `    -> ${printable(remedy)}${fix === null ? "" : " *"}`,
  ]);
  return ["", title, ...lines];
}

function list(parts: readonly string[]): string {
  return parts.map(printable).join(", ");
}

function time(at: number): string {
  return new Date(at).toISOString();
}
