/**
 * Strategy: a database whose every text is a name of its own with escapes, line ends, bidirectional and invisible
 * characters in it, placed at random; every command that prints what is stored is run as its users run it.
 * Invariant: nothing of them reaches stdout or stderr raw, save line ends and tabs of the layout.
 */
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { backupDatabase, openUsageDb } from "../../src/index.ts";
import { spawnCli } from "../cli/spawn-cli.ts";
import { chance, type Chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { message } from "../support/usage-message.ts";

/** Each does something of its own to a terminal, to who reads it, or to nobody's eye. */
const HOSTILE = [
  "\u001b[2J\u001b[H",
  "\u001b]0;title\u0007",
  "\u001b]8;;http://evil/\u001b\\link\u001b]8;;\u001b\\",
  "\u001b]52;c;ZXZpbA==\u0007",
  "\u001bP+q\u001b\\",
  "\u009b31m",
  "\u009d0;x\u009c",
  "\u0008\u0008\u0008",
  "\r",
  "\u0000",
  "\u000b\u000c",
  "\u007f",
  "\u0085",
  "\u2028",
  "\u202e",
  "\u2066",
  "\u200b\u200d",
  "\ufeff",
  "\u00ad",
  "\u{e0041}",
  "\ufe0f",
];
/** What no output may have: controls but the line ends and tabs of the layout, and what is drawn as nothing. */
const RAW = /(?![\t\n])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u;

class Names {
  readonly #dice: Chance;
  #count = 0;

  constructor(dice: Chance) {
    this.#dice = dice;
  }

  /** Without the NUL that no path and no argument may have. */
  next(word: string): string {
    const pick = (): string => HOSTILE[Math.floor(this.#dice.next() * HOSTILE.length)] ?? "";
    const text = `${pick()}${word}${pick()}${++this.#count}${pick()}`;
    return text.replaceAll("\u0000", "\u0001");
  }
}

interface Prepared {
  readonly database: string;
  readonly messageId: string;
  readonly sessionId: string;
}

function prepare(folder: TempFolder, names: Names): Prepared {
  const database = folder.at("usage.db");
  using db = openUsageDb(database);
  const [messageId, sessionId] = [names.next("msg"), names.next("session")];
  for (let i = 0; i < 12; i++) {
    const session_id = i === 0 ? sessionId : names.next("session");
    const [project, model] = [names.next("project"), names.next("model")];
    db.sessions.upsert({ session_id, agent: names.next("agent"), project });
    db.messages.record([
      message({
        message_id: i === 0 ? messageId : names.next("msg"),
        request_id: names.next("req"),
        agent: i === 0 ? "claude" : names.next("agent"),
        timestamp: Date.now() - i * 60_000,
        session_id,
        project,
        model,
      }),
    ]);
    db.snapshots.insert({
      session_id,
      snapshot_data: { [names.next("key")]: names.next("value") },
    });
    db.limitSamples.record([
      {
        agent: "claude",
        limit_name: i === 0 ? "five_hour" : names.next("limit"),
        window_minutes: 300,
        used_percent: i,
      },
    ]);
  }
  db.connection.readOnce(
    `INSERT INTO maintenance_runs (job, started_at, ended_at, outcome, rows, bytes, error)
     VALUES (?, 1763640000000, 1763640000001, 'failed', 0, 0, ?)`,
    names.next("job"),
    names.next("error"),
  );
  return { database, messageId, sessionId };
}

describe("hostile names in a usage database", () => {
  it("reach the terminal raw by no command", async () => {
    const dice = chance();
    const names = new Names(dice);
    await withSeed(dice, async () => {
      using folder = tempFolder();
      const { database, messageId, sessionId } = prepare(folder, names);
      const unknown = names.next("unknown");
      const status = { model: { display_name: names.next("model") }, session_id: sessionId };
      const taken = folder.at("\u001b[2Jtaken\u202e");
      mkdirSync(taken);
      {
        using db = openUsageDb(database);
        backupDatabase(db.connection, folder.at("copy.db"));
      }
      writeFileSync(folder.at("not-a-change-file"), names.next("text"));
      const lines: readonly (readonly [line: readonly string[], stdin?: string])[] = [
        [["report", "session"]],
        [["report", "daily", "--breakdown"]],
        [["report", "daily", "--project", unknown]],
        [["report", "session", "--csv"]],
        [["report", "session", "--json"]],
        [["report", "blocks"]],
        [["watch", "--once"]],
        [["watch", "--once", "--view", "session"]],
        [["snapshots", "list"]],
        [["snapshots", "list", "--json"]],
        [["snapshots", "list", "--session", sessionId]],
        [["explain", messageId]],
        [["explain", unknown]],
        [["prices", "list"]],
        [["query", "SELECT * FROM v_messages"]],
        [["query", "SELECT * FROM sessions", "--csv"]],
        [["query", `SELECT 1 AS "${unknown.replaceAll('"', "")}"`]],
        [["query", `SELECT ${unknown}`]],
        [["import", folder.at("not-a-change-file")]],
        [["export", folder.at(unknown, "x")]],
        [["statusline"], JSON.stringify(status)],
        [["hook"], JSON.stringify({ session_id: sessionId, hook_event_name: names.next("event") })],
        [["hook"], names.next("no event")],
        [["migrate", "history"]],
        [["doctor"]],
        [["maintain", "history"]],
        [["maintain", "status"]],
        [["maintain", "--dry-run"]],
        [["recover", "--from", folder.at("copy.db"), "--to", folder.at(names.next("saved"))]],
        [["forget", "--session", sessionId, "--dry-run"]],
        [["forget", "--project", unknown, "--dry-run"]],
        [["maintain", unknown]],
        [["config", "retention", "get", unknown]],
        [[unknown]],
        [["report", "daily", `--${unknown}`]],
        [["report", "daily", "--db", folder.at(unknown)]],
        [["hook", "--db", taken], '{"session_id":"s","hook_event_name":"Stop"}'],
        [["statusline", "--db", taken], "{}"],
      ];
      // All of them in the long form; the border of the output is the same for most.
      const isShort = FAULT_ROUNDS === 1;
      const some = lines.filter(([argv]) => !isShort || argv.includes(taken) || dice.next() < 0.5);
      const results = await inPairs(some, async ([argv, stdin]) => {
        const at = argv.includes("--db") ? [] : ["--db", database];
        return {
          argv,
          ...(await spawnCli([...argv, ...at], stdin === undefined ? {} : { stdin })),
        };
      });
      for (const { argv, stdout, stderr, exitCode } of results) {
        const raw = RAW.exec(stdout + stderr)?.[0];
        expect({ argv, raw }).toEqual({ argv, raw: undefined });
        expect(stdout + stderr).not.toContain("UNEXPECTED");
        expect(exitCode).toBeLessThanOrEqual(4);
      }
      // They did print them.
      const printed = results.filter(({ stdout }) => stdout.includes("\\u{")).length;
      expect(printed).toBeGreaterThan(isShort ? 0 : 8);
    });
  }, 60_000);

  it("reach the terminal raw by no command that is about migrations", async () => {
    const dice = chance();
    const names = new Names(dice);
    await withSeed(dice, async () => {
      using folder = tempFolder();
      const directory = writeMigrations(folder.at("m"), {
        "001_a.sql": sections(
          `CREATE TABLE "${quoted(names)}" (x); -- ${comment(names)}`,
          "SELECT 1;",
        ),
        "002_b.sql": sections(
          `INSERT INTO "${quoted(names)}" VALUES ('${comment(names)}');`,
          "SELECT 1;",
        ),
        "queries.sql": `-- name: ${comment(names)}\nSELECT 1;\n`,
      });
      const database = folder.at("app.db");
      for (const argv of [
        ["up", "--to", "1"],
        ["up"],
        ["status"],
        ["plan"],
        ["history"],
        ["validate"],
        ["rehearse"],
        ["status", "--json"],
        ["diff"],
      ]) {
        const { stdout, stderr } = await spawnCli([
          "migrate",
          ...argv,
          "--dir",
          directory,
          "--db",
          database,
        ]);
        expect({ argv, raw: RAW.exec(stdout + stderr)?.[0] }).toEqual({ argv, raw: undefined });
      }
      using raw = new Database(database);
      raw.run(`CREATE TABLE "${quoted(names)}" (x)`);
      raw.run("UPDATE schema_migrations SET name = ?, up_sql = ?", [
        names.next("name"),
        names.next("sql"),
      ]);
      raw.close();
      for (const argv of [
        ["status"],
        ["diff"],
        ["history"],
        ["up"],
        ["repair"],
        ["rollback", "0"],
      ]) {
        const { stdout, stderr } = await spawnCli([
          "migrate",
          ...argv,
          "--dir",
          directory,
          "--db",
          database,
        ]);
        expect({ argv, raw: RAW.exec(stdout + stderr)?.[0] }).toEqual({ argv, raw: undefined });
      }
    });
  }, 60_000);
});

const quoted = (names: Names): string => names.next("table").replaceAll('"', "");
const comment = (names: Names): string => names.next("text").replaceAll(/[\r\n']/g, "");

/** Two at a time, in the order of the list. */
async function inPairs<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += 2)
    results.push(...(await Promise.all(items.slice(at, at + 2).map(work))));
  return results;
}
